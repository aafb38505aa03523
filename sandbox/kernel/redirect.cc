#include "sandbox/kernel/redirect.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter_ipv4.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/kernel/netlink.h"

namespace ringfence::sandbox {
namespace {

constexpr const char* kTable = "ringfence";
constexpr const char* kNatChain = "redirect";
constexpr const char* kFilterChain = "reject";
constexpr std::uint32_t kProtocolOffset = 9, kDestinationOffset = 16;  // in an IPv4 header
constexpr std::uint32_t kDestinationPortOffset = 2;                    // in a TCP or UDP header
constexpr std::uint8_t kTcp = 6, kUdp = 17;
constexpr std::uint8_t kLoopbackNet = 127;
constexpr std::uint8_t kPortUnreachable = 3;

template <typename Number>
std::string bytesOf(Number number) {
  return {reinterpret_cast<const char*>(&number), sizeof number};
}

// ---- address and route ----------------------------------------------------------------------------------------------

std::string ownAddress() {
  in_addr address{};
  (void)::inet_pton(AF_INET, kOwnAddress, &address);  // A constant of ours.
  return bytesOf(address.s_addr);
}

Result<void> addAddressAndRoute() {
  const unsigned loopback = ::if_nametoindex("lo");
  if (loopback == 0) return posixError(errno, "finding the loopback interface");
  const std::string own = ownAddress();
  NetlinkMessage address(RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, "giving lo an address");
  ifaddrmsg addressHeader{};
  addressHeader.ifa_family = AF_INET;
  addressHeader.ifa_prefixlen = 32;
  addressHeader.ifa_index = loopback;
  address.append(addressHeader).attribute(IFA_LOCAL, own).attribute(IFA_ADDRESS, own);
  NetlinkMessage route(RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, "adding a default route to lo");
  rtmsg routeHeader{};
  routeHeader.rtm_family = AF_INET;
  routeHeader.rtm_table = RT_TABLE_MAIN;
  routeHeader.rtm_protocol = RTPROT_STATIC;
  routeHeader.rtm_scope = RT_SCOPE_LINK;
  routeHeader.rtm_type = RTN_UNICAST;
  route.append(routeHeader).attribute(RTA_OIF, bytesOf(loopback)).attribute(RTA_PREFSRC, own);
  NetlinkSocket socket = RF_TRY(NetlinkSocket::open(NETLINK_ROUTE));
  RF_TRY(socket.send({std::move(address)}));
  return socket.send({std::move(route)});
}

// ---- rules ----------------------------------------------------------------------------------------------------------

std::uint16_t nftType(int message) { return static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | message); }

NetlinkMessage nftMessage(int message, std::uint16_t flags, std::string what) {
  NetlinkMessage made(nftType(message), static_cast<std::uint16_t>(flags | NLM_F_ACK), std::move(what));
  nfgenmsg header{};
  header.nfgen_family = NFPROTO_IPV4;
  header.version = NFNETLINK_V0;
  made.append(header);
  return made;
}

NetlinkMessage batchEdge(int type) {
  NetlinkMessage edge(static_cast<std::uint16_t>(type), 0, "a batch of packet rules");
  nfgenmsg header{};
  header.nfgen_family = AF_UNSPEC;
  header.version = NFNETLINK_V0;
  header.res_id = htons(NFNL_SUBSYS_NFTABLES);
  edge.append(header);
  return edge;
}

NetlinkMessage makeChain(const char* name, const char* type, int priority) {
  NetlinkMessage chain = nftMessage(NFT_MSG_NEWCHAIN, NLM_F_CREATE, std::string("making a chain of type ") + type);
  chain.text(NFTA_CHAIN_TABLE, kTable).text(NFTA_CHAIN_NAME, name);
  const std::size_t hook = chain.beginNest(NFTA_CHAIN_HOOK);
  chain.attribute32(NFTA_HOOK_HOOKNUM, htonl(NF_INET_LOCAL_OUT));
  chain.attribute32(NFTA_HOOK_PRIORITY, htonl(static_cast<std::uint32_t>(priority)));
  chain.endNest(hook);
  chain.attribute32(NFTA_CHAIN_POLICY, htonl(NF_ACCEPT)).text(NFTA_CHAIN_TYPE, type);
  return chain;
}

// One rule, expression by expression: each loads into register 1, compares it, or acts.
class Rule {
 public:
  Rule(const char* chain, std::string what)
      : message_(nftMessage(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, std::move(what))) {
    message_.text(NFTA_RULE_TABLE, kTable).text(NFTA_RULE_CHAIN, chain);
    expressions_ = message_.beginNest(NFTA_RULE_EXPRESSIONS);
  }

  Rule& whenProtocol(std::uint8_t protocol) {
    load(NFT_PAYLOAD_NETWORK_HEADER, kProtocolOffset, 1);
    return compare(NFT_CMP_EQ, bytesOf(protocol));
  }
  Rule& whenDestinationPort(std::uint16_t port) {
    load(NFT_PAYLOAD_TRANSPORT_HEADER, kDestinationPortOffset, 2);
    return compare(NFT_CMP_EQ, bytesOf(htons(port)));
  }
  Rule& whenLoopback(nft_cmp_ops is) {
    load(NFT_PAYLOAD_NETWORK_HEADER, kDestinationOffset, 1);
    return compare(is, bytesOf(kLoopbackNet));
  }
  Rule& whenOwnAddress() {
    load(NFT_PAYLOAD_NETWORK_HEADER, kDestinationOffset, 4);
    return compare(NFT_CMP_EQ, ownAddress());
  }
  Rule& redirectTo(std::uint16_t port) {
    begin("immediate");
    message_.attribute32(NFTA_IMMEDIATE_DREG, htonl(NFT_REG_1));
    addValue(NFTA_IMMEDIATE_DATA, bytesOf(htons(port)));
    end();
    begin("redir");
    message_.attribute32(NFTA_REDIR_REG_PROTO_MIN, htonl(NFT_REG_1));
    return end();
  }
  Rule& accept() {
    begin("immediate");
    message_.attribute32(NFTA_IMMEDIATE_DREG, htonl(NFT_REG_VERDICT));
    const std::size_t content = message_.beginNest(NFTA_IMMEDIATE_DATA);
    const std::size_t verdict = message_.beginNest(NFTA_DATA_VERDICT);
    message_.attribute32(NFTA_VERDICT_CODE, htonl(NF_ACCEPT));
    message_.endNest(verdict);
    message_.endNest(content);
    return end();
  }
  Rule& reject() {
    begin("reject");
    message_.attribute32(NFTA_REJECT_TYPE, htonl(NFT_REJECT_ICMP_UNREACH));
    message_.attribute(NFTA_REJECT_ICMP_CODE, bytesOf(kPortUnreachable));
    return end();
  }
  NetlinkMessage take() {
    message_.endNest(expressions_);
    return std::move(message_);
  }

 private:
  void begin(const char* name) {
    element_ = message_.beginNest(NFTA_LIST_ELEM);
    message_.text(NFTA_EXPR_NAME, name);
    arguments_ = message_.beginNest(NFTA_EXPR_DATA);
  }
  Rule& end() {
    message_.endNest(arguments_);
    message_.endNest(element_);
    return *this;
  }
  void addValue(std::uint16_t type, std::string_view value) {
    const std::size_t content = message_.beginNest(type);
    message_.attribute(NFTA_DATA_VALUE, value);
    message_.endNest(content);
  }
  void load(std::uint32_t base, std::uint32_t offset, std::uint32_t length) {
    begin("payload");
    message_.attribute32(NFTA_PAYLOAD_DREG, htonl(NFT_REG_1));
    message_.attribute32(NFTA_PAYLOAD_BASE, htonl(base));
    message_.attribute32(NFTA_PAYLOAD_OFFSET, htonl(offset));
    message_.attribute32(NFTA_PAYLOAD_LEN, htonl(length));
    end();
  }
  Rule& compare(std::uint32_t how, std::string_view value) {
    begin("cmp");
    message_.attribute32(NFTA_CMP_SREG, htonl(NFT_REG_1));
    message_.attribute32(NFTA_CMP_OP, htonl(how));
    addValue(NFTA_CMP_DATA, value);
    return end();
  }

  NetlinkMessage message_;
  std::size_t expressions_ = 0, element_ = 0, arguments_ = 0;
};

std::vector<NetlinkMessage> makeRules() {
  std::vector<NetlinkMessage> batch;
  batch.push_back(batchEdge(NFNL_MSG_BATCH_BEGIN));
  batch.push_back(nftMessage(NFT_MSG_NEWTABLE, NLM_F_CREATE, "making a table of packet rules (nf_tables)"));
  batch.back().text(NFTA_TABLE_NAME, kTable);
  batch.push_back(makeChain(kNatChain, "nat", NF_IP_PRI_NAT_DST));
  batch.push_back(makeChain(kFilterChain, "filter", NF_IP_PRI_FILTER));
  for (const std::uint8_t protocol : {kUdp, kTcp}) {
    Rule names(kNatChain, "redirecting names (nft_redir)");
    batch.push_back(names.whenProtocol(protocol).whenDestinationPort(53).redirectTo(kRedirectDnsPort).take());
  }
  Rule connections(kNatChain, "redirecting connections (nft_redir)");
  batch.push_back(connections.whenProtocol(kTcp).whenLoopback(NFT_CMP_NEQ).redirectTo(kRedirectTcpPort).take());
  // The nat chain came before: what is redirected goes to 127.0.0.1 here. Answers of the sockets there go to the own
  // address.
  batch.push_back(Rule(kFilterChain, "accepting 127/8").whenLoopback(NFT_CMP_EQ).accept().take());
  batch.push_back(Rule(kFilterChain, "accepting the own address").whenOwnAddress().accept().take());
  batch.push_back(Rule(kFilterChain, "rejecting everything else (nft_reject)").reject().take());
  batch.push_back(batchEdge(NFNL_MSG_BATCH_END));
  return batch;
}

Result<void> loadRules() {
  NetlinkSocket socket = RF_TRY(NetlinkSocket::open(NETLINK_NETFILTER));
  auto sent = socket.send(makeRules());
  if (sent) return {};
  // What a kernel without a part says: of an expression or chain type ENOENT, of the whole EOPNOTSUPP or EINVAL.
  const int number = sent.error().sysErrno;
  if (number == ENOENT || number == EOPNOTSUPP || number == EINVAL || number == EPROTONOSUPPORT)
    sent.error().code = ErrorCode::kUnsupported;
  return sent;
}

}  // namespace

Result<void> prepareNetwork() {
  RF_TRY(addAddressAndRoute());
  return loadRules();
}

Result<OriginalDestination> originalDestination(int socket) {
  sockaddr_in address{};
  socklen_t length = sizeof address;
  if (::getsockopt(socket, SOL_IP, SO_ORIGINAL_DST, &address, &length) != 0)
    return posixError(errno, "asking where a connection wanted to");
  return OriginalDestination{.address = ntohl(address.sin_addr.s_addr), .port = ntohs(address.sin_port)};
}

}  // namespace ringfence::sandbox

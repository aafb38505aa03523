// A run whose agent asked to be told before a pause and never says that it is ready: a person's freeze of it waits for
// ten minutes, which is longer than any test.
#pragma once

#include <sys/stat.h>

#include <string>
#include <variant>

#include "tests/support/test_daemon.h"

namespace ringfence::test {

// Its id, once it listens; empty: it did not come to that.
inline std::string startListening(const TestDaemon& daemon, const std::string& name) {
  client::RunRequest request = daemon.request(
      {"/usr/bin/python3", "-c",
       "import socket, time\n"
       "s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n"
       "s.connect('/run/ringfence/agent.sock')\n"
       "for packet in (b'{\"id\":1,\"hello\":{\"protocol\":1}}', b'{\"id\":2,\"listen\":{\"to\":[\"pause\"]}}',\n"
       "               b'{\"id\":3,\"say\":{\"text\":\"indexing\",\"percent\":40}}'):\n"
       "    s.send(packet)\n"
       "    s.recv(65536)\n"
       "open('" +
           name +
           ".listens', 'w').close()\n"
           "time.sleep(600)\n"});
  request.name = name;
  request.policy.clear();
  request.policyFile = client::PolicyText{"graceful.toml",
                                          "schema = 1\nname = \"graceful\"\nextends = [\"awake\"]\n[priority]\n"
                                          "preempt_grace = \"600s\"\n"};
  client::Client client = daemon.connect();
  const auto accepted = client.run(request);
  const auto* run = std::get_if<client::RunAccepted>(&accepted);
  const std::string said = daemon.workspace() + "/" + name + ".listens";
  struct stat found {};
  if (run == nullptr || !eventually([&] { return ::stat(said.c_str(), &found) == 0; })) return {};
  return run->run;
}

}  // namespace ringfence::test

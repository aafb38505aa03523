// `ringfence mcp serve`: one server in a fence of its own for each connection to a socket.
#pragma once

#include <string>
#include <vector>

namespace ringfence::cli {

// `words`: of `ringfence mcp run`, for each of them. Returns the status to end with.
int serveServers(const std::string& path, const std::vector<std::string>& words);

}  // namespace ringfence::cli

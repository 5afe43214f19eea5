#include "wire/configuration.hpp"

#include <algorithm>
#include <string_view>

#include "peerq/engine/layout.hpp"

namespace peerq::wire {

namespace {

constexpr std::uint8_t format = 1;
constexpr std::size_t head_size = 1 + 8;
/// Id, an empty address with its NUL, role.
constexpr std::size_t server_size_min = 8 + 1 + 1;

constexpr std::size_t padded(std::size_t size) noexcept { return (size + 7) / 8 * 8; }

bool distinct(const std::vector<Server>& servers) noexcept {
  for (auto a = servers.begin(); a != servers.end(); ++a) {
    const bool repeated = std::any_of(
        servers.begin(), a, [&](const Server& b) { return b.id == a->id || b.address == a->address; });
    if (repeated) return false;
  }
  return true;
}

Error corrupt(const char* what) { return {errc::corrupt, std::string("configuration: ").append(what)}; }

std::uint64_t number_at(Bytes bytes) noexcept {
  std::uint64_t number = 0;
  engine::RowReader reader(bytes.first(sizeof(number)));
  reader.field(number);
  return number;
}

/// Takes one server off the front; false when the bytes end too early or make no sense.
bool take_server(Bytes& rest, Server& server) {
  if (rest.size() < server_size_min) return false;
  server.id = PeerId(number_at(rest));
  rest = rest.subspan(sizeof(std::uint64_t));
  const auto text = as_text(rest);
  const auto end = text.find('\0');
  // The role follows the NUL.
  if (end == std::string_view::npos || end + 2 > text.size()) return false;
  const auto role = static_cast<std::uint8_t>(text[end + 1]);
  if (server.id == PeerId(0) || role > static_cast<std::uint8_t>(ServerRole::spare)) return false;
  server.address = text.substr(0, end);
  server.role = static_cast<ServerRole>(role);
  rest = rest.subspan(end + 2);
  return true;
}

}  // namespace

SharedBytes encode_configuration(const std::vector<Server>& servers) {
  PEERQ_ASSERT(!servers.empty() && distinct(servers));
  std::string out;
  engine::RowWriter writer(out);
  writer.field(format);
  writer.field(std::uint64_t{servers.size()});
  for (const auto& server : servers) {
    PEERQ_ASSERT(server.id != PeerId(0) && server.address.find('\0') == std::string::npos);
    writer.field(server.id);
    writer.rest(server.address);
    writer.field(std::uint8_t{0});
    writer.field(server.role);
  }
  out.resize(padded(out.size()), '\0');
  return SharedBytes::copy(as_bytes(out));
}

Result<std::vector<Server>> decode_configuration(Bytes bytes) {
  if (bytes.size() < head_size || std::to_integer<std::uint8_t>(bytes[0]) != format)
    return corrupt("its format");
  const std::uint64_t count = number_at(bytes.subspan(1));
  Bytes rest = bytes.subspan(head_size);
  if (count == 0 || count > rest.size() / server_size_min) return corrupt("its number of servers");

  std::vector<Server> servers(count);
  for (auto& server : servers) {
    if (!take_server(rest, server)) return corrupt("a server");
  }
  if (!distinct(servers)) return corrupt("a server named twice");
  const bool zero = std::all_of(rest.begin(), rest.end(), [](std::byte b) { return b == std::byte{0}; });
  if (!zero || bytes.size() != padded(bytes.size() - rest.size())) return corrupt("its end");
  return servers;
}

}  // namespace peerq::wire

#pragma once
// How the worker works, and which records fail on purpose.

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace demo {

inline constexpr const char* queue_name = "files";
inline constexpr const char* dead_letter_queue_name = "files.dead";

inline constexpr std::size_t producers = 3;
inline constexpr std::uint32_t consumers = 16;
inline constexpr std::size_t batch_size = 50;
/// The queue takes no more than this; producers then wait for consumers.
inline constexpr std::uint64_t waiting_max = 2'000;
/// How long a killed worker's messages stay invisible.
inline constexpr std::chrono::milliseconds visibility_timeout = std::chrono::seconds(2);
inline constexpr std::uint32_t attempts_max = 5;
inline constexpr std::chrono::milliseconds retry_delay = std::chrono::milliseconds(20);

inline constexpr std::uint32_t fails_always_every = 500;
inline constexpr std::uint32_t fails_once_every = 50;

constexpr bool fails_always(std::uint32_t record) { return record % fails_always_every == 7; }
constexpr bool fails_once(std::uint32_t record) { return record % fails_once_every == 3; }

}  // namespace demo

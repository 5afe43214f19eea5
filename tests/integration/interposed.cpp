// Functions of the C library that a test may let fail or take long.

#include "interposed.hpp"

#include <dlfcn.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

namespace peerq::test {

Faults& faults() {
  static Faults instance;
  return instance;
}

namespace {

template <class Function>
Function next(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

void delay_sync() {
  const auto delay = faults().sync_delay.load();
  if (delay.count() != 0) std::this_thread::sleep_for(delay);
}

bool may_start_thread() {
  auto& left = faults().threads_left;
  int seen = left.load();
  while (seen > 0 && !left.compare_exchange_weak(seen, seen - 1)) {
  }
  return seen != 0;
}

}  // namespace
}  // namespace peerq::test

// Visible to the libraries that are to call them.
#pragma GCC visibility push(default)

extern "C" {

int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*start)(void*),
                   void* argument) noexcept {
  static const auto real = peerq::test::next<decltype(&pthread_create)>("pthread_create");
  if (!peerq::test::may_start_thread()) return EAGAIN;
  return real(thread, attributes, start, argument);
}

int statfs(const char* path, struct statfs* facts) noexcept {
  static const auto real = peerq::test::next<int (*)(const char*, struct statfs*)>("statfs");
  const int result = real(path, facts);
  const long type = peerq::test::faults().file_system_type.load();
  if (type != 0) facts->f_type = type;
  return result;
}

int fdatasync(int descriptor) {
  static const auto real = peerq::test::next<decltype(&fdatasync)>("fdatasync");
  peerq::test::delay_sync();
  return real(descriptor);
}

int msync(void* address, std::size_t size, int flags) {
  static const auto real = peerq::test::next<decltype(&msync)>("msync");
  peerq::test::delay_sync();
  return real(address, size, flags);
}

}  // extern "C"

#pragma GCC visibility pop

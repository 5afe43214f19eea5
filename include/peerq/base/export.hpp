#pragma once
// What the library shows to the linker. Everything else is hidden: a shared peerq shows only what carries
// PEERQ_API, a static one shows nothing of itself to the users of a library that it is linked into.

#ifdef PEERQ_SHARED
#define PEERQ_API __attribute__((visibility("default")))
#else
#define PEERQ_API
#endif

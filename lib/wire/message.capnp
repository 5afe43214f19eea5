# What a producer says to a consumer, sealed once by the producer. Layout and rules: docs/formats_wire.md.
# Bytes are forever: add fields at the end, never change or reuse a number.
@0x98f7d948c6aabcc5;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("peerq::wire::schema");

struct Message {
  # Over the root pointer and everything behind this word; codec.cpp says how.
  checksum @0 :UInt64;
  body @1 :Data;
  # What few messages have: behind one pointer, so that a plain one does not pay for it.
  extras @2 :Extras;

  struct Extras {
    attributes @0 :List(Attribute);
    replyTo @1 :Text;
    correlationId @2 :Data;
  }

  struct Attribute {
    key @0 :Text;
    value @1 :Data;
  }
}

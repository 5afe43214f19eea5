# One entry of a shard's log: a header and a batch of commands. Layout and rules: docs/formats_wire.md.
# Bytes are forever: add fields at the end, never change or reuse a number; new rules need a new version.
@0x85d25a62806e87d8;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("peerq::wire::schema");

struct Entry {
  # Read before anything else; a higher one than the reader's is refused.
  version @0 :UInt16;
  expiryHalted @1 :Bool;
  leaseUs @2 :Int64;
  wallMs @3 :Int64;
  proposer @4 :UInt64;
  commands @5 :List(Command);
  storageFull @6 :Bool;
}

struct Command {
  # The queue that the command is about; 0 where it goes by name.
  queue @0 :UInt64;
  # Null: (0, 0, 0), the leader's own process.
  origin @1 :Origin;

  union {
    tick @2 :Void;
    send @3 :Send;
    receive @4 :Receive;
    settle @5 :Settle;
    kick @6 :Kick;
    purge @7 :Void;
    configure @8 :Configure;
    createQueue @9 :NamedQueue;
    updateQueue @10 :NamedQueue;
    pauseQueue @11 :NamedQueue;
    deleteQueue @12 :NamedQueue;
    configured @13 :Configured;
    newEpoch @14 :NewEpoch;
    cancel @15 :Cancel;
    changeGroup @16 :ChangeGroup;
    setWindow @17 :SetWindow;
    receiveSeveral @18 :ReceiveSeveral;
    transact @19 :List(Part);
    openSession @20 :UInt64;
    closeSession @21 :UInt64;
    startRedrive @22 :StartRedrive;
    stopRedrive @23 :Void;
    arrive @24 :Arrive;
    moved @25 :Moved;
    putSchedule @26 :PutSchedule;
    extendSchedule @27 :ExtendSchedule;
    removeSchedule @28 :Text;
  }
}

struct Origin {
  session @0 :UInt64;
  sequence @1 :UInt64;
  principal @2 :UInt64;
}

# Columns: one element per message. An optional column is null when every message has its default.
struct Send {
  atomic @0 :Bool;
  payloads @1 :List(Data);
  countedBytes @2 :List(UInt32);
  extras @3 :Extras;

  struct Extras {
    priorities @0 :List(UInt8);
    dueMs @1 :List(Int64);
    timeToLiveMs @2 :List(Int64);
    groupIds @3 :List(Data);
    deduplicationIds @4 :List(Data);
    outcomeUntilMs @5 :List(Int64);
  }
}

struct Receive {
  maxMessages @0 :UInt32;
  erase @1 :Bool;
  maxBytes @2 :UInt64;
  # 0: the queue's own.
  visibilityMs @3 :Int64;
  attemptId @4 :Data;
  bindToSession @5 :Bool;
}

struct ReceiveSeveral {
  maxMessages @0 :UInt32;
  maxBytes @1 :UInt64;
  visibilityMs @2 :Int64;
  queues @3 :List(Weighted);

  struct Weighted {
    queue @0 :UInt64;
    weight @1 :UInt32;
  }
}

# Of a transaction. Settle's verb is erase.
struct Part {
  queue @0 :UInt64;
  erases @1 :Settle;
  sends @2 :Send;
}

# Columns, as in Send.
struct Settle {
  verb @0 :UInt8;
  leases @1 :List(Lease);
  # Default -1.
  valuesMs @2 :List(Int64);
  reasons @3 :List(Data);
  results @4 :List(Data);

  struct Lease {
    sequence @0 :UInt64;
    attempt @1 :UInt32;
  }
}

struct Kick {
  maxMessages @0 :UInt32;
  ids @1 :List(Id);

  struct Id {
    incarnation @0 :UInt64;
    sequence @1 :UInt64;
  }
}

struct Configure {
  removed @0 :Bool;
  paused @1 :Bool;
  version @2 :UInt64;
  deadLetter @3 :UInt64;
  name @4 :Text;
  options @5 :QueueOptions;
}

struct Configured {
  version @0 :UInt64;
}

struct NewEpoch {
  numberFloor @0 :UInt64;
}

struct Cancel {
  ids @0 :List(Kick.Id);
}

struct ChangeGroup {
  # Of GroupVerb in engine/command.hpp.
  verb @0 :UInt8;
  groupId @1 :Data;
}

struct SetWindow {
  version @0 :UInt64;
  open @1 :Bool;
  turnsMs @2 :List(Int64);
}

struct StartRedrive {
  # 0: each message's own source.
  target @0 :UInt64;
  source @1 :UInt64;
  maxMessages @2 :UInt64;
  causes @3 :UInt32;
  rate @4 :UInt32;
}

struct Arrive {
  from @0 :UInt64;
  transfer @1 :UInt64;
  id @2 :Kick.Id;
  payload @3 :Data;
  countedBytes @4 :UInt32;
  attempt @5 :UInt32;
  priority @6 :UInt8;
  redriven @7 :Bool;
  firstSentMs @8 :Int64;
  timeToLiveMs @9 :Int64;
  groupId @10 :Data;
  # A note's row, as the tables have it.
  note @11 :Data;
  # The number of the transfer before this one; 0: a chain begins.
  after @12 :UInt64;
}

struct Moved {
  target @0 :UInt64;
  transfer @1 :UInt64;
  # Number of an error in base/errc.hpp; 0: it is there.
  refused @2 :UInt16;
}

struct PutSchedule {
  name @0 :Text;
  specification @1 :Text;
  zone @2 :Text;
  missed @3 :UInt8;
  priority @4 :UInt8;
  countedBytes @5 :UInt32;
  anchorMs @6 :Int64;
  timeToLiveMs @7 :Int64;
  payload @8 :Data;
  groupId @9 :Data;
  runsMs @10 :List(Int64);
}

struct ExtendSchedule {
  name @0 :Text;
  version @1 :UInt64;
  runsMs @2 :List(Int64);
}

struct NamedQueue {
  # pauseQueue: paused; deleteQueue: force.
  flag @0 :Bool;
  name @1 :Text;
  options @2 :QueueOptions;
}

# Every parameter of a queue. Numbers of enumerations are those of base/queue_options.hpp.
struct QueueOptions {
  type @0 :UInt8;
  durability @1 :UInt8;
  overflow @2 :UInt8;
  poison @3 :UInt8;
  priorityMode @4 :UInt8;
  hasMaxMessages @5 :Bool;
  hasMaxBytes @6 :Bool;
  hasTimeToLive @7 :Bool;
  hasRetention @8 :Bool;
  deadLetterExpired @9 :Bool;
  contentBasedDeduplication @10 :Bool;
  partitions @11 :UInt32;
  maxReceives @12 :UInt32;
  maxInFlight @13 :UInt32;
  maxInFlightPerGroup @14 :UInt32;
  syncIntervalMs @15 :Int64;
  maxMessageSize @16 :UInt64;
  maxMessages @17 :UInt64;
  maxBytes @18 :UInt64;
  visibilityTimeoutMs @19 :Int64;
  maxLeaseTimeMs @20 :Int64;
  delayMs @21 :Int64;
  timeToLiveMs @22 :Int64;
  retentionMs @23 :Int64;
  retryBaseMs @24 :Int64;
  retryCapMs @25 :Int64;
  retryFactorThousandths @26 :UInt32;
  retryJitterThousandths @27 :UInt32;
  priorityAgingMs @28 :Int64;
  ratePerSecondThousandths @29 :UInt32;
  rateBurst @30 :UInt32;
  groupRatePerSecondThousandths @31 :UInt32;
  groupRateBurst @32 :UInt32;
  deduplicationWindowMs @33 :Int64;
  deadLetterQueue @34 :Text;
  # Null: level + 1.
  weights @35 :List(UInt16);
  tags @36 :List(Tag);
  windows @37 :List(Window);
  # The upper halves of the rates.
  rateHigh @38 :UInt32;
  groupRateHigh @39 :UInt32;

  struct Tag {
    key @0 :Text;
    value @1 :Text;
  }

  struct Window {
    zone @0 :Text;
    fromMinutes @1 :Int32;
    toMinutes @2 :Int32;
    days @3 :UInt8;
  }
}

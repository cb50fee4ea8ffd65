// What of other nodes' schema changes a node carries out.
//
// Threads: plain values.
#pragma once

namespace harmonylite::schema {

enum class Follow {
  kOff,       // nothing: rows wait until somebody migrates this file
  kAdditive,  // what is made, added or renamed, but nothing that is dropped
  kAll,
};

struct FollowOptions {
  Follow follow = Follow::kOff;
  // Whether views and triggers follow, which are code that runs in the application.
  bool code = true;
};

}  // namespace harmonylite::schema

// Learns which tables of the application a node has written to. An application that keeps rows in
// memory does not see such writes (adapters/hooks tells it).
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace harmonylite::ports {

class RowListener {
 public:
  virtual ~RowListener() = default;
  // A transaction that put, replaced or removed so many rows of these tables is committed: rows of
  // other nodes, and rows that came back or gave way because of them. 0: nobody knows how many,
  // and whether any. What the application wrote itself does not count.
  //
  // Called on the thread that writes the database, after each such transaction, so it must not
  // wait. A process that is killed between a commit and this call does not make up for it, but each
  // start calls it once for all replicated tables, with 0.
  virtual void RowsWritten(const std::map<std::string, int64_t>& rows) = 0;
};

}  // namespace harmonylite::ports

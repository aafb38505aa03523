// SQLite for this folder: connection and statement as owners, SQL as literals alone, values bound. A connection belongs
// to one thread at a time.
//
//   Connection db = RF_TRY(Connection::open(path, OpenMode::kWrite));
//   Statement rows = RF_TRY(db.prepare("SELECT seq FROM facts WHERE seq > ?1"));
//   rows.bind(1, 42U);
//   while (RF_TRY(rows.step())) use(rows.number(0));
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "sdk/base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace ringfence::supervisor {

// What a failure means for what follows.
enum class DbFault {
  kNone,
  kFull,     // no room: nothing was written; the same connection may try again
  kBusy,     // another process holds the file
  kBroken,   // I/O error, corruption: this connection must not be used again
  kRefused,  // anything else: a wrong statement, a constraint
};

class Connection;

class Statement {
 public:
  // Values are copied; numbering from 1. A binding can fail only for lack of memory, which step() then reports.
  Statement& bind(int index, std::uint64_t number);
  Statement& bind(int index, std::int64_t number);
  Statement& bind(int index, std::string_view text);
  Statement& bindBlob(int index, std::string_view bytes);
  Statement& bindNull(int index);

  // True: a row is there. False: done; the statement is reset and keeps its bindings.
  Result<bool> step();
  // Runs a statement that yields no row.
  Result<void> run();
  void reset();

  std::uint64_t number(int column) const;
  std::int64_t signedNumber(int column) const;
  bool isNull(int column) const;
  // Text or blob, as bytes; valid until the next step.
  std::string_view bytes(int column) const;

 private:
  friend class Connection;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  Statement(Connection& connection, sqlite3_stmt* statement) : connection_(&connection), statement_(statement) {}
  void note(int code) {
    if (bindCode_ == 0) bindCode_ = code;
  }

  Connection* connection_;  // outlives the statement
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  int bindCode_ = 0;
};

enum class OpenMode {
  kWrite,  // creates the file with mode 0600
  kRead,   // cannot write nor checkpoint
};

class Connection {
 public:
  // Hardened: no schema code is trusted, no page is mapped, cells are checked, 2 s of patience with other processes.
  // Fails naming the file, like everything that is done with it: kInvalid when it is damaged, kBusy when another
  // process holds it, kUnavailable else, with ENOSPC when the disk is full.
  static Result<std::unique_ptr<Connection>> open(const std::string& path, OpenMode mode);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  template <std::size_t N>
  Result<Statement> prepare(const char (&sql)[N]) {
    return prepareText({sql, N - 1});
  }
  template <std::size_t N>
  Result<void> execute(const char (&sql)[N]) {
    return executeText(sql);
  }
  // For the steps of a migration, which are literals in a table.
  Result<void> executeText(const char* sql);

  // When it closes, the write-ahead log is folded into the main file. Not before somebody has found both to be sound:
  // a damaged log stays as it was found.
  void checkpointOnClose();

  const std::string& path() const { return path_; }
  // Of the last failure on this connection.
  DbFault fault() const { return fault_; }

 private:
  friend class Statement;
  friend class Transaction;
  Connection(std::string path, sqlite3* handle) : path_(std::move(path)), handle_(handle) {}
  Result<Statement> prepareText(std::string_view sql);
  Result<void> harden(OpenMode mode);
  Error failure(int code);

  std::string path_;
  sqlite3* handle_;
  DbFault fault_ = DbFault::kNone;
};

// One moment of the file for several reads; ends with it.
class ReadTransaction {
 public:
  static Result<ReadTransaction> begin(Connection& connection);
  ReadTransaction(ReadTransaction&& other) noexcept : connection_(std::exchange(other.connection_, nullptr)) {}
  ReadTransaction& operator=(ReadTransaction&&) = delete;
  ~ReadTransaction();

 private:
  explicit ReadTransaction(Connection& connection) : connection_(&connection) {}
  Connection* connection_;
};

// BEGIN IMMEDIATE now; ROLLBACK in the destructor unless committed.
class Transaction {
 public:
  static Result<Transaction> begin(Connection& connection);
  Transaction(Transaction&& other) noexcept : connection_(std::exchange(other.connection_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  Result<void> commit();

 private:
  explicit Transaction(Connection& connection) : connection_(&connection) {}
  Connection* connection_;
};

}  // namespace ringfence::supervisor

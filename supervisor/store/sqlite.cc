#include "supervisor/store/sqlite.h"

#include <fcntl.h>
#include <sqlite3.h>

#include <cerrno>
#include <utility>

#include "sdk/base/io.h"
#include "supervisor/store/damage.h"

namespace ringfence::supervisor {
namespace {

constexpr int kPatienceMs = 2000;

DbFault faultOf(int code) {
  switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE: return DbFault::kNone;
    case SQLITE_FULL: return DbFault::kFull;
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return DbFault::kBusy;
    case SQLITE_IOERR:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_NOMEM: return DbFault::kBroken;
    default: return DbFault::kRefused;
  }
}

bool isCorruption(int code) { return (code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB; }

// The file is made here, so that it is private from the start whatever the umask.
Result<void> createPrivately(const std::string& path) {
  const UniqueFd fd = RF_TRY(openAt(AT_FDCWD, path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
  return {};
}

}  // namespace

// ---- Connection

Result<std::unique_ptr<Connection>> Connection::open(const std::string& path, OpenMode mode) {
  if (mode == OpenMode::kWrite) RF_TRY(createPrivately(path));
  const int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
                    (mode == OpenMode::kWrite ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY);
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &handle, flags, nullptr);
  std::unique_ptr<Connection> connection(new Connection(path, handle));
  if (code != SQLITE_OK) return connection->failure(code);
  RF_TRY(connection->harden(mode));
  return connection;
}

Result<void> Connection::harden(OpenMode mode) {
  sqlite3_busy_timeout(handle_, kPatienceMs);
  (void)sqlite3_db_config(handle_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  (void)sqlite3_db_config(handle_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  (void)sqlite3_db_config(handle_, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
  (void)sqlite3_db_config(handle_, SQLITE_DBCONFIG_ENABLE_VIEW, 0, nullptr);
  (void)sqlite3_db_config(handle_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  RF_TRY(execute("PRAGMA mmap_size=0; PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON; PRAGMA temp_store=MEMORY"));
  if (mode == OpenMode::kRead) return {};
  return execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA journal_size_limit=16777216");
}

void Connection::checkpointOnClose() { (void)sqlite3_db_config(handle_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, nullptr); }

Connection::~Connection() { (void)sqlite3_close_v2(handle_); }

Error Connection::failure(int code) {
  fault_ = faultOf(code);
  const int sysErrno = handle_ != nullptr ? sqlite3_system_errno(handle_) : 0;
  const std::string what = handle_ != nullptr ? sqlite3_errmsg(handle_) : sqlite3_errstr(code);
  if (isCorruption(code)) return damagedLog(path_, what);
  const std::string message = path_ + ": " + what;
  switch (fault_) {
    case DbFault::kFull: return {ErrorCode::kUnavailable, message + "; make room on that file system", ENOSPC};
    case DbFault::kBusy: return {ErrorCode::kBusy, message + "; another process holds it, end that one", 0};
    case DbFault::kBroken: return {ErrorCode::kUnavailable, message, sysErrno};
    case DbFault::kNone:
    case DbFault::kRefused: break;
  }
  return {ErrorCode::kUnavailable, message, 0};
}

Result<Statement> Connection::prepareText(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                                      &statement, nullptr);
  if (code != SQLITE_OK) return failure(code);
  return Statement(*this, statement);
}

Result<void> Connection::executeText(const char* sql) {
  const int code = sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return failure(code);
  return {};
}

// ---- Statement

void Statement::Finalize::operator()(sqlite3_stmt* statement) const { (void)sqlite3_finalize(statement); }

Statement& Statement::bind(int index, std::uint64_t number) { return bind(index, static_cast<std::int64_t>(number)); }

Statement& Statement::bind(int index, std::int64_t number) {
  note(sqlite3_bind_int64(statement_.get(), index, number));
  return *this;
}

Statement& Statement::bind(int index, std::string_view text) {
  note(sqlite3_bind_text64(statement_.get(), index, text.data() == nullptr ? "" : text.data(), text.size(),
                           SQLITE_TRANSIENT, SQLITE_UTF8));
  return *this;
}

Statement& Statement::bindBlob(int index, std::string_view bytes) {
  note(sqlite3_bind_blob64(statement_.get(), index, bytes.data() == nullptr ? "" : bytes.data(), bytes.size(),
                           SQLITE_TRANSIENT));
  return *this;
}

Statement& Statement::bindNull(int index) {
  note(sqlite3_bind_null(statement_.get(), index));
  return *this;
}

Result<bool> Statement::step() {
  if (const int code = std::exchange(bindCode_, 0)) return connection_->failure(code);
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) {
    reset();
    return false;
  }
  Error error = connection_->failure(code);
  reset();
  return error;
}

Result<void> Statement::run() {
  const bool row = RF_TRY(step());
  if (row) reset();
  return {};
}

void Statement::reset() { (void)sqlite3_reset(statement_.get()); }

std::uint64_t Statement::number(int column) const { return static_cast<std::uint64_t>(signedNumber(column)); }

std::int64_t Statement::signedNumber(int column) const { return sqlite3_column_int64(statement_.get(), column); }

bool Statement::isNull(int column) const { return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL; }

std::string_view Statement::bytes(int column) const {
  const void* data = sqlite3_column_blob(statement_.get(), column);
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return data == nullptr ? std::string_view()
                         : std::string_view(static_cast<const char*>(data), static_cast<std::size_t>(size));
}

// ---- Transaction

Result<ReadTransaction> ReadTransaction::begin(Connection& connection) {
  RF_TRY(connection.execute("BEGIN"));
  return ReadTransaction(connection);
}

ReadTransaction::~ReadTransaction() {
  if (connection_ != nullptr) (void)connection_->execute("COMMIT");  // It wrote nothing.
}

Result<Transaction> Transaction::begin(Connection& connection) {
  RF_TRY(connection.execute("BEGIN IMMEDIATE"));
  return Transaction(connection);
}

Result<void> Transaction::commit() {
  RF_TRY(connection_->execute("COMMIT"));
  connection_ = nullptr;
  return {};
}

Transaction::~Transaction() {
  if (connection_ == nullptr) return;
  // The fault that made us roll back is the one to report, also when SQLite has rolled back already.
  const DbFault cause = connection_->fault_;
  (void)connection_->execute("ROLLBACK");
  connection_->fault_ = cause;
}

}  // namespace ringfence::supervisor

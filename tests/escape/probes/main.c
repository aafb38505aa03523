// escape_probe FILE: performs every attempt of FILE, one a line ("KEY<TAB>PRIMITIVE<TAB>ARGUMENT…"), each in a process
// of its own with a deadline, and prints "KEY<TAB>PRIMITIVE<TAB>errno=N<TAB>effect=yes|no|unknown<TAB>detail" for each.
// escape_probe PRIMITIVE ARGUMENT…: one attempt, in this process.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe.h"

enum { kMaxArguments = 12, kDeadlineSeconds = 60 };

static const struct Primitive* const kGroups[] = {
    kFilePrimitives,   kMetadataPrimitives, kProcessPrimitives,  kVictimPrimitives,  kSyscallPrimitives,
    kSocketPrimitives, kIpcPrimitives,      kResourcePrimitives, kPosturePrimitives, kRacePrimitives};

void say(struct Outcome* outcome, const char* format, ...) {
  const size_t used = strlen(outcome->detail);
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(outcome->detail + used, sizeof outcome->detail - used, format, arguments);
  va_end(arguments);
}

void note(struct Outcome* outcome, long result) {
  outcome->error = result == -1 ? errno : 0;
  outcome->effect = result == -1 ? kNo : kYes;
}

void noteDescriptor(struct Outcome* outcome, int descriptor) {
  note(outcome, descriptor);
  if (descriptor >= 0) (void)close(descriptor);
}

void readInto(struct Outcome* outcome, int descriptor) {
  char buffer[513];
  const ssize_t length = read(descriptor, buffer, sizeof buffer - 1);
  outcome->error = length < 0 ? errno : 0;
  outcome->effect = length > 0 ? kYes : kNo;
  if (length <= 0) return;
  buffer[length] = '\0';
  for (ssize_t i = 0; i < length; ++i) {
    if (buffer[i] == '\0') buffer[i] = ' ';
  }
  say(outcome, "%s", buffer);
}

long slurp(const char* path, char* buffer, unsigned long size) {
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return -1;
  long total = 0;
  for (long got = 1; got > 0 && (unsigned long)total + 1 < size; total += got > 0 ? got : 0) {
    got = read(file, buffer + total, size - 1 - (unsigned long)total);
  }
  (void)close(file);
  buffer[total] = '\0';
  return total;
}

static const struct Primitive* findPrimitive(const char* name) {
  for (size_t group = 0; group < sizeof kGroups / sizeof *kGroups; ++group) {
    for (const struct Primitive* p = kGroups[group]; p->name != NULL; ++p) {
      if (strcmp(p->name, name) == 0) return p;
    }
  }
  return NULL;
}

static void print(const char* key, const char* name, const struct Outcome* outcome) {
  static const char* const kEffects[] = {"no", "yes", "unknown"};
  char line[sizeof outcome->detail * 4 + 512];
  int used = snprintf(line, 512, "%s\t%s\terrno=%d\teffect=%s\t", key, name, outcome->error, kEffects[outcome->effect]);
  for (const char* c = outcome->detail; *c != '\0'; ++c) {
    const unsigned char byte = (unsigned char)*c;
    const int plain = byte >= 0x20 && byte < 0x7f && byte != '\\';
    used += plain ? snprintf(line + used, 2, "%c", byte) : snprintf(line + used, 5, "\\x%02x", byte);
  }
  line[used++] = '\n';
  (void)!write(STDOUT_FILENO, line, (size_t)used);
}

static int attempt(const char* key, char** words, int count) {
  const struct Primitive* primitive = findPrimitive(words[0]);
  struct Outcome outcome = {.effect = kUnknown};
  if (primitive == NULL || count - 1 < primitive->arguments) {
    say(&outcome, "no such primitive, or too few arguments");
    print(key, words[0], &outcome);
    return 1;
  }
  primitive->run(words + 1, &outcome);
  print(key, words[0], &outcome);
  return 0;
}

// Runs one line in a child, waits until its deadline, and reports for a child that could not.
static void supervise(const char* key, char** words, int count) {
  const pid_t child = fork();
  if (child == 0) {
    (void)setpgid(0, 0);
    _exit(attempt(key, words, count));
  }
  struct Outcome outcome = {.effect = child < 0 ? kUnknown : kNo};
  int status = 0;
  if (child > 0) {
    int waited = 0;
    useconds_t nap = 100;  // most are over at once
    for (long left = kDeadlineSeconds * 1000000L; left > 0 && waited == 0; left -= nap) {
      waited = waitpid(child, &status, WNOHANG);
      if (waited == 0) (void)usleep(nap);
      if (nap < 10000) nap *= 2;
    }
    (void)kill(-child, SIGKILL);
    if (waited == 0) {
      (void)waitpid(child, &status, 0);
      outcome.effect = kUnknown;
      say(&outcome, "deadline");
    } else if (WIFSIGNALED(status)) {
      say(&outcome, "signal=%d", WTERMSIG(status));
    } else {
      return;
    }
  } else {
    say(&outcome, "fork failed");
  }
  print(key, words[0], &outcome);
}

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  if (findPrimitive(argv[1]) != NULL) return attempt("-", argv + 1, argc - 1);
  FILE* list = fopen(argv[1], "re");
  if (list == NULL) return 2;
  char line[8192];
  while (fgets(line, sizeof line, list) != NULL) {
    line[strcspn(line, "\n")] = '\0';
    char* words[kMaxArguments + 2] = {0};
    int count = 0;
    char* rest = line;
    for (char* word = strsep(&rest, "\t"); word != NULL && count < kMaxArguments + 1; word = strsep(&rest, "\t")) {
      words[count++] = word;
    }
    if (count >= 2) supervise(words[0], words + 1, count - 1);
  }
  (void)fclose(list);
  puts("done");
  return 0;
}

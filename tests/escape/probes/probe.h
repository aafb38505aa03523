// Primitive attempts that the escape suite composes: each does one thing the kernel is asked for, and says what became
// of it. A primitive decides nothing about right and wrong; the suite judges by what it finds outside.
#pragma once

#include <stdint.h>

enum Effect { kNo, kYes, kUnknown };

struct Outcome {
  enum Effect effect;  // what the primitive itself saw; the suite believes it only where nothing outside can show it
  int error;           // errno of the decisive call, 0 when it succeeded
  char detail[2048];   // bytes read, values re-read; escaped when printed
};

struct Primitive {
  const char* name;
  int arguments;  // how many it needs
  void (*run)(char** arguments, struct Outcome* outcome);
};

extern const struct Primitive kFilePrimitives[];
extern const struct Primitive kMetadataPrimitives[];
extern const struct Primitive kProcessPrimitives[];
extern const struct Primitive kVictimPrimitives[];
extern const struct Primitive kSyscallPrimitives[];
extern const struct Primitive kSocketPrimitives[];
extern const struct Primitive kIpcPrimitives[];
extern const struct Primitive kResourcePrimitives[];
extern const struct Primitive kPosturePrimitives[];
extern const struct Primitive kRacePrimitives[];

// Records the result of a call that gives -1 and errno on failure: effect yes when it did not fail.
void note(struct Outcome* outcome, long result);
// Like note, and closes the descriptor that the call gave.
void noteDescriptor(struct Outcome* outcome, int descriptor);
// Appends to the detail, cut at its end.
void say(struct Outcome* outcome, const char* format, ...) __attribute__((format(printf, 2, 3)));
// Reads at most 512 bytes from the descriptor into the detail; effect yes when there was at least one.
void readInto(struct Outcome* outcome, int descriptor);
// Reads a whole small file into buffer (terminated); length or -1.
long slurp(const char* path, char* buffer, unsigned long size);

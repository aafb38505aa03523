// Says who and where it is: the smallest thing to run inside the fence, and a first look at what the fence changes.
//
//   ringfence run -- build/release/bin/ringfence-hello
//
// Prints one "name: value" a line on standard output. Exits 0, or 1 when standard output cannot be written.
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

// The value of `field` in /proc/self/status, without leading blanks; "unknown" when it cannot be read.
static void printStatus(const char* field) {
  char line[256];
  FILE* status = fopen("/proc/self/status", "re");
  while (status != NULL && fgets(line, sizeof line, status) != NULL) {
    const size_t length = strlen(field);
    if (strncmp(line, field, length) != 0 || line[length] != ':') continue;
    line[strcspn(line, "\n")] = '\0';
    printf("%s: %s\n", field, line + length + 1 + strspn(line + length + 1, " \t"));
    (void)fclose(status);
    return;
  }
  if (status != NULL) (void)fclose(status);
  printf("%s: unknown\n", field);
}

// How many names `path` holds, or -1 when it cannot be listed.
static int countEntries(const char* path) {
  DIR* directory = opendir(path);
  if (directory == NULL) return -1;
  int count = 0;
  for (struct dirent* entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) ++count;
  }
  (void)closedir(directory);
  return count;
}

int main(void) {
  char directory[PATH_MAX] = "unknown";
  (void)getcwd(directory, sizeof directory);
  struct utsname system;
  const char* run = getenv("RINGFENCE_RUN");
  const char* home = getenv("HOME");
  printf("hello from %s\n", run != NULL ? run : "outside any fence");
  printf("pid: %d\n", (int)getpid());
  printf("uid: %u\n", (unsigned)getuid());
  printf("host: %s\n", uname(&system) == 0 ? system.nodename : "unknown");
  printf("directory: %s\n", directory);
  printf("home: %s\n", home != NULL ? home : "unknown");
  printf("names in home: %d\n", home != NULL ? countEntries(home) : -1);
  printf("network interfaces: %d\n", countEntries("/sys/class/net"));
  printStatus("CapEff");
  printStatus("NoNewPrivs");
  printStatus("Seccomp");
  return fflush(stdout) == 0 ? 0 : 1;
}

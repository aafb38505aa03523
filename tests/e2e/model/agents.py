"""Agents that do what they are told, through a pipe, and say how it went.

One static program of C: launches are many, and an interpreter would take longer to start than all the rest. Each line
"NUMBER w PATH" is done on a thread of its own, which may wait for a person: it opens the file, writes one byte and says
"NUMBER ERRNO". "NUMBER x STATUS" ends the agent.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

PROGRAM = r"""
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void* work(void* line) {
  char* path = strchr(strchr(line, ' ') + 1, ' ') + 1;
  int error = 0, fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0 || write(fd, "x", 1) != 1) error = errno;
  if (fd > 0) close(fd);  /* 0 is its orders: where a warden died while it answered (reference.py, NOT_DONE) */
  dprintf(1, "%d %d\n", atoi(line), error);
  free(line);
  return NULL;
}

int main(void) {
  static char line[8192];
  pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, 65536);
  pthread_attr_setdetachstate(&small, PTHREAD_CREATE_DETACHED);
  while (fgets(line, sizeof line, stdin)) {
    line[strcspn(line, "\n")] = 0;
    char* word = strchr(line, ' ') + 1;
    pthread_t thread;
    if (*word == 'x') _exit(atoi(word + 2));
    if (pthread_create(&thread, &small, work, strdup(line)) != 0) return 99;
  }
  return 98;
}
"""


def build(folder: Path) -> Path:
    program = folder / "agent"
    subprocess.run(["cc", "-O1", "-static", "-pthread", "-x", "c", "-o", str(program), "-"], input=PROGRAM, text=True, check=True)
    return program


class Agent:
    """Both ends that we keep. The pipe from it ends when nobody of the run is left: seen by us and not told by the daemon."""

    def __init__(self) -> None:
        self.its_input, self.orders = os.pipe()
        self.words, self.its_output = os.pipe()
        os.set_blocking(self.words, False)
        self.rest = b""
        self.gone = False

    def started(self) -> None:
        """Its ends are with it."""
        os.close(self.its_input)
        os.close(self.its_output)

    def tell(self, number: int, *words: object) -> None:
        try:
            os.write(self.orders, f"{number} {' '.join(map(str, words))}\n".encode())
        except BrokenPipeError:
            pass  # It has ended, which is found by who compares.

    def heard(self) -> list[tuple[int, int]]:
        """(number, errno) of what it said since the last time."""
        while not self.gone:
            try:
                more = os.read(self.words, 65536)
            except BlockingIOError:
                break
            self.gone = not more
            self.rest += more
        *lines, self.rest = self.rest.split(b"\n")
        return [(int(number), int(code)) for number, code in (line.split() for line in lines)]

    def close(self) -> None:
        os.close(self.orders)
        os.close(self.words)

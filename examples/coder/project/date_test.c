#include <stdio.h>

#include "date.h"

static int failures = 0;

static void expectLong(const char* what, long wanted, long got) {
  if (wanted == got) return;
  printf("FAIL %s: wanted %ld, got %ld\n", what, wanted, got);
  ++failures;
}

int main(void) {
  struct Date date = {0, 0, 0};
  expectLong("2024 is a leap year", 1, isLeapYear(2024));
  expectLong("2023 is no leap year", 0, isLeapYear(2023));
  expectLong("2000 is a leap year", 1, isLeapYear(2000));
  expectLong("1900 is no leap year", 0, isLeapYear(1900));
  expectLong("February 2100 has 28 days", 28, daysInMonth(2100, 2));
  expectLong("1900-02-29 does not exist", 0, parseDate("1900-02-29", &date));
  expectLong("2000-02-29 exists", 1, parseDate("2000-02-29", &date));
  expectLong("2026-1-05 is not a date", 0, parseDate("2026-1-05", &date));
  expectLong("days of 2026", 365, daysBetween((struct Date){2026, 1, 1}, (struct Date){2027, 1, 1}));
  expectLong("days from 1899-12-31 to 1901-01-01", 366,
             daysBetween((struct Date){1899, 12, 31}, (struct Date){1901, 1, 1}));
  expectLong("days from 1970-01-01 to 2026-11-28", 20785,
             daysBetween((struct Date){1970, 1, 1}, (struct Date){2026, 11, 28}));
  expectLong("2000-01-01 was a Saturday", 6, weekday((struct Date){2000, 1, 1}));
  expectLong("2026-11-28 is a Saturday", 6, weekday((struct Date){2026, 11, 28}));
  if (failures == 0) printf("all tests passed\n");
  return failures == 0 ? 0 : 1;
}

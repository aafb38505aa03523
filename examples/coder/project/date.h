// Days between dates of the Gregorian calendar, which is extended backwards before 1582.
#ifndef DATE_H
#define DATE_H

#include <stdbool.h>

struct Date {
  int year;   // 1 to 9999
  int month;  // 1 to 12
  int day;    // 1 to 31
};

bool isLeapYear(int year);

// 0 for a month outside 1 to 12.
int daysInMonth(int year, int month);

bool isValidDate(struct Date date);

// Days since 0001-01-01, which is 0. The date must be valid.
long dayNumber(struct Date date);

// Positive when `to` is later. Both dates must be valid.
long daysBetween(struct Date from, struct Date to);

// 1 for Monday to 7 for Sunday, as ISO 8601 counts.
int weekday(struct Date date);

// Reads "YYYY-MM-DD"; false when the text is anything else or names no valid date.
bool parseDate(const char* text, struct Date* date);

#endif

#include "date.h"

#include <ctype.h>
#include <string.h>

bool isLeapYear(int year) { return year % 4 == 0; }

int daysInMonth(int year, int month) {
  static const int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (month < 1 || month > 12) return 0;
  return kDays[month - 1] + (month == 2 && isLeapYear(year) ? 1 : 0);
}

bool isValidDate(struct Date date) {
  return date.year >= 1 && date.year <= 9999 && date.day >= 1 && date.day <= daysInMonth(date.year, date.month);
}

long dayNumber(struct Date date) {
  const long years = date.year - 1;
  long days = years * 365 + years / 4;
  for (int month = 1; month < date.month; ++month) days += daysInMonth(date.year, month);
  return days + date.day - 1;
}

long daysBetween(struct Date from, struct Date to) { return dayNumber(to) - dayNumber(from); }

int weekday(struct Date date) { return (int)(dayNumber(date) % 7) + 1; }

static int number(const char* text, int digits) {
  int value = 0;
  for (int i = 0; i < digits; ++i) value = value * 10 + (text[i] - '0');
  return value;
}

bool parseDate(const char* text, struct Date* date) {
  static const char kShape[] = "dddd-dd-dd";
  if (strlen(text) != sizeof kShape - 1) return false;
  for (int i = 0; kShape[i] != '\0'; ++i) {
    if (kShape[i] == 'd' ? !isdigit((unsigned char)text[i]) : text[i] != kShape[i]) return false;
  }
  const struct Date parsed = {number(text, 4), number(text + 5, 2), number(text + 8, 2)};
  if (!isValidDate(parsed)) return false;
  *date = parsed;
  return true;
}

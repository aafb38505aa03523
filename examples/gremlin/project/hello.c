#include <stdio.h>

int main(void) {
  printf("all tests passed\n");
  return 0;
}

// How the launcher and its children wait: whoever waits long gives back the memory that it uses no more. A child begins
// with all that its launcher had in use, and each page that either of the two writes to is there twice from then on.
#pragma once

namespace ringfence::sandbox {

class Rest {
 public:
  // Milliseconds for a wait that is over after `due` of them (-1: for ever), unless a rest is due before.
  int until(int due = -1);
  // What that wait returned: 0 where nothing came.
  void after(int ready);

 private:
  bool resting_ = false;  // nothing was used since the last
  bool isNext_ = false;   // the wait ends with one
};

// Until `fd` can be read, or its other end is gone.
void restUntilReadable(int fd);

}  // namespace ringfence::sandbox

// What a person would see of a program's window, from outside it, through the X server of $DISPLAY:
//   window_probe useful SECONDS [PICTURE]    until the window of a program that is started meanwhile is of use
//   window_probe iconify WINDOW              as a window manager does that
// "useful" says "ready", then looks at the largest window every five milliseconds until SECONDS after the first picture
// of more than one colour. What the window shows then is what it was opened for: pixels of another colour than most of
// that picture. The first useful frame is the first in which four of five of these have the colour that they end with;
// no program is known to it. Prints the window and the times at which it was mapped, painted and useful, in seconds of
// CLOCK_MONOTONIC, and writes the useful frame to PICTURE (PPM, one line of kStep).
#include <xcb/xcb.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;  // CLOCK_MONOTONIC
using Seconds = std::chrono::duration<double>;

constexpr int kStep = 4;  // one line of so many is looked at: more would keep the server from painting
constexpr int kLeastWidth = 300, kLeastHeight = 200;
constexpr std::chrono::milliseconds kPause{5};
constexpr std::chrono::seconds kPatience{60};
constexpr double kShare = 0.8;
constexpr std::uint32_t kColour = 0xffffff;

struct Freed {
  void operator()(void* memory) const { std::free(memory); }
};
template <typename T>
using Reply = std::unique_ptr<T, Freed>;

struct Seen {
  xcb_window_t window;
  std::uint16_t width, height;
};

struct Frame {
  Clock::time_point at;
  std::uint16_t width = 0, height = 0;
  std::vector<std::uint32_t> pixels;
};

// The largest window that is mapped and no mere aid of a toolkit.
std::optional<Seen> largest(xcb_connection_t* display, xcb_window_t root) {
  const Reply<xcb_query_tree_reply_t> tree(xcb_query_tree_reply(display, xcb_query_tree(display, root), nullptr));
  if (!tree) return std::nullopt;
  std::optional<Seen> found;
  const xcb_window_t* children = xcb_query_tree_children(tree.get());
  for (int i = 0; i < xcb_query_tree_children_length(tree.get()); ++i) {
    const auto asked = xcb_get_window_attributes(display, children[i]);
    const auto askedToo = xcb_get_geometry(display, children[i]);
    const Reply<xcb_get_window_attributes_reply_t> what(xcb_get_window_attributes_reply(display, asked, nullptr));
    const Reply<xcb_get_geometry_reply_t> size(xcb_get_geometry_reply(display, askedToo, nullptr));
    if (!what || !size || what->map_state != XCB_MAP_STATE_VIEWABLE) continue;
    if (size->width < kLeastWidth || size->height < kLeastHeight) continue;
    if (!found || size->width * size->height > found->width * found->height)
      found = Seen{children[i], size->width, size->height};
  }
  return found;
}

// Without a value when the window went away or changed its size meanwhile.
std::optional<Frame> frameOf(xcb_connection_t* display, const Seen& seen) {
  std::vector<xcb_get_image_cookie_t> asked;
  for (int y = 0; y < seen.height; y += kStep) {
    asked.push_back(xcb_get_image(display, XCB_IMAGE_FORMAT_Z_PIXMAP, seen.window, 0, static_cast<std::int16_t>(y),
                                  seen.width, 1, ~0U));
  }
  Frame frame{.at = {}, .width = seen.width, .height = seen.height, .pixels = {}};
  bool isWhole = true;
  for (const auto cookie : asked) {
    const Reply<xcb_get_image_reply_t> image(xcb_get_image_reply(display, cookie, nullptr));
    const std::size_t bytes = std::size_t{4} * seen.width;
    if (!image || static_cast<std::size_t>(xcb_get_image_data_length(image.get())) < bytes) {
      isWhole = false;
      continue;
    }
    const std::size_t before = frame.pixels.size();
    frame.pixels.resize(before + seen.width);
    std::memcpy(&frame.pixels[before], xcb_get_image_data(image.get()), bytes);
  }
  frame.at = Clock::now();
  if (!isWhole) return std::nullopt;
  for (std::uint32_t& pixel : frame.pixels) pixel &= kColour;
  return frame;
}

bool isOfOneColour(const Frame& frame) {
  return std::ranges::all_of(frame.pixels, [&](std::uint32_t pixel) { return pixel == frame.pixels.front(); });
}

std::uint32_t mostCommonColour(const Frame& frame) {
  std::unordered_map<std::uint32_t, std::size_t> counts;
  for (const std::uint32_t pixel : frame.pixels) ++counts[pixel];
  return std::ranges::max_element(counts, {}, [](const auto& entry) { return entry.second; })->first;
}

// Which part of what `last` shows is there already.
double shareOf(const Frame& frame, const Frame& last, std::uint32_t ground) {
  if (frame.width != last.width || frame.height != last.height) return 0;
  std::size_t all = 0, there = 0;
  for (std::size_t i = 0; i < last.pixels.size(); ++i) {
    if (last.pixels[i] == ground) continue;
    ++all;
    if (frame.pixels[i] == last.pixels[i]) ++there;
  }
  return all == 0 ? 0 : static_cast<double>(there) / static_cast<double>(all);
}

void draw(const Frame& frame, const char* path) {
  FILE* file = std::fopen(path, "wb");
  if (file == nullptr) return;
  std::fprintf(file, "P6 %d %zu 255\n", frame.width, frame.pixels.size() / frame.width);
  for (const std::uint32_t pixel : frame.pixels) {
    for (const int shift : {16, 8, 0}) std::fputc(static_cast<int>(pixel >> shift & 0xff), file);
  }
  (void)std::fclose(file);
}

// Seconds of the clock that Python's time.monotonic() reads.
double secondsOf(Clock::time_point at) { return Seconds(at.time_since_epoch()).count(); }

int watch(xcb_connection_t* display, xcb_window_t root, Seconds settles, const char* picture) {
  std::printf("ready\n");
  std::fflush(stdout);
  const auto begun = Clock::now();
  std::optional<Clock::time_point> mapped, painted;
  std::vector<Frame> frames;  // each differs from the one before
  xcb_window_t window = 0;
  while (!painted || Clock::now() < *painted + settles) {
    if (Clock::now() > begun + kPatience) {
      std::fprintf(stderr, "window_probe: %s\n", mapped ? "the window stays empty" : "there is no window");
      return 1;
    }
    if (const auto seen = largest(display, root)) {
      if (!mapped) mapped = Clock::now();
      auto frame = frameOf(display, *seen);
      if (frame && !isOfOneColour(*frame) && (frames.empty() || frames.back().pixels != frame->pixels)) {
        if (!painted) painted = frame->at;
        window = seen->window;
        frames.push_back(std::move(*frame));
      }
    }
    std::this_thread::sleep_for(kPause);
  }
  const Frame& last = frames.back();
  const std::uint32_t ground = mostCommonColour(last);
  const auto useful =
      std::ranges::find_if(frames, [&](const Frame& frame) { return shareOf(frame, last, ground) >= kShare; });
  std::printf("{\"window\": %u, \"mapped\": %.6f, \"painted\": %.6f, \"useful\": %.6f, \"shares\": [", window,
              secondsOf(*mapped), secondsOf(*painted), secondsOf(useful->at));
  for (const Frame& frame : frames)
    std::printf("%s%.2f", &frame == frames.data() ? "" : ", ", shareOf(frame, last, ground));
  std::printf("]}\n");
  if (picture != nullptr) draw(*useful, picture);
  return 0;
}

// ICCCM 4.1.4: an iconic window is not mapped and says so in WM_STATE.
int iconify(xcb_connection_t* display, xcb_window_t window) {
  constexpr char kName[] = "WM_STATE";
  constexpr std::uint32_t kIconic[] = {3, XCB_NONE};
  const Reply<xcb_intern_atom_reply_t> atom(
      xcb_intern_atom_reply(display, xcb_intern_atom(display, 0, sizeof(kName) - 1, kName), nullptr));
  if (!atom) return 1;
  xcb_change_property(display, XCB_PROP_MODE_REPLACE, window, atom->atom, atom->atom, 32, 2, kIconic);
  const Reply<xcb_generic_error_t> error(xcb_request_check(display, xcb_unmap_window_checked(display, window)));
  if (error) std::fprintf(stderr, "window_probe: no window %u\n", window);
  return error ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 2 ? argv[1] : "";
  if (what != "useful" && what != "iconify") {
    std::fprintf(stderr, "usage: window_probe useful SECONDS [PICTURE] | iconify WINDOW\n");
    return 2;
  }
  xcb_connection_t* display = xcb_connect(nullptr, nullptr);
  if (xcb_connection_has_error(display) != 0) {
    std::fprintf(stderr, "window_probe: no X server at DISPLAY\n");
    return 1;
  }
  const xcb_window_t root = xcb_setup_roots_iterator(xcb_get_setup(display)).data->root;
  const int status = what == "useful" ? watch(display, root, Seconds(std::atof(argv[2])), argc > 3 ? argv[3] : nullptr)
                                      : iconify(display, static_cast<xcb_window_t>(std::strtoul(argv[2], nullptr, 10)));
  xcb_disconnect(display);
  return status;
}

// Post-processing of media: thumbnails of the PNG files that the machine has, made by workers; who asks for
// one waits for its outcome. A second queue works in certain hours only, and tells why its work waits.
// Usage: example_media [DATA_DIRECTORY [IMAGES]]; the thumbnails are in DATA_DIRECTORY.thumbnails

#include <fmt/format.h>
#include <png.h>

#include <algorithm>
#include <filesystem>
#include <future>
#include <peerq/peerq.hpp>
#include <ranges>
#include <thread>

namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr std::size_t images_max = 12;
constexpr std::uint32_t thumbnail_side = 64;

struct Image {
  std::uint32_t width = 0, height = 0;
  std::vector<png_byte> pixels = {};  // red, green, blue, alpha

  const png_byte* at(std::uint32_t x, std::uint32_t y) const {
    return &pixels[(std::size_t{y} * width + x) * 4];
  }
};

/// Throws std::runtime_error with libpng's reason.
Image read_png(const fs::path& file) {
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  Image image;
  if (png_image_begin_read_from_file(&png, file.c_str()) != 0) {
    png.format = PNG_FORMAT_RGBA;
    image = {png.width, png.height, std::vector<png_byte>(PNG_IMAGE_SIZE(png))};
    png_image_finish_read(&png, nullptr, image.pixels.data(), 0, nullptr);
  }
  if (PNG_IMAGE_FAILED(png)) throw std::runtime_error(png.message);
  return image;
}

void write_png(const Image& image, const fs::path& file) {
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  png.width = image.width;
  png.height = image.height;
  png.format = PNG_FORMAT_RGBA;
  png_image_write_to_file(&png, file.c_str(), 0, image.pixels.data(), 0, nullptr);
  if (PNG_IMAGE_FAILED(png)) throw std::runtime_error(png.message);
}

/// At most `thumbnail_side` wide and high. Each pixel is the mean of those that it stands for.
Image shrink(const Image& image) {
  const std::uint32_t side = std::max({image.width, image.height, thumbnail_side});
  const auto scaled = [&](std::uint32_t length) {
    return std::max(1U, static_cast<std::uint32_t>(std::uint64_t{length} * thumbnail_side / side));
  };
  Image small{scaled(image.width), scaled(image.height)};
  for (std::uint64_t y = 0; y < small.height; ++y) {
    for (std::uint64_t x = 0; x < small.width; ++x) {
      std::uint64_t sums[4] = {}, count = 0;
      for (auto v = y * image.height / small.height; v < (y + 1) * image.height / small.height; ++v) {
        for (auto u = x * image.width / small.width; u < (x + 1) * image.width / small.width; ++u, ++count)
          for (int i = 0; i < 4; ++i) sums[i] += image.at(u, v)[i];
      }
      for (const auto sum : sums) small.pixels.push_back(static_cast<png_byte>(sum / count));
    }
  }
  return small;
}

/// The largest PNG files below a folder, but none of more than 1 MiB.
std::vector<fs::path> find_images(const fs::path& folder) {
  std::vector<std::pair<std::uintmax_t, fs::path>> found;
  std::error_code error;
  constexpr auto options = fs::directory_options::skip_permission_denied;
  for (fs::recursive_directory_iterator file(folder, options, error), end; !error && file != end;
       file.increment(error)) {
    if (file->path().extension() == ".png" && file->is_regular_file(error) &&
        file->file_size(error) <= 1 << 20)
      found.emplace_back(file->file_size(error), file->path());
  }
  std::ranges::sort(found, std::greater());
  std::vector<fs::path> images;
  for (auto& [size, path] : found | std::views::take(images_max)) images.push_back(std::move(path));
  return images;
}

peerq::Outcome make_thumbnail(const peerq::Delivery& job) {
  try {
    const Image small = shrink(read_png(job.body()));
    write_png(small, job.attributes().at("thumbnail"));  // done twice, it is the same file
    return peerq::done_with(fmt::format("{}x{}", small.width, small.height));
  } catch (const std::runtime_error& broken) {
    return peerq::reject(broken.what());
  }
}

/// Daily, from so long from now to so long from now.
peerq::DeliveryWindow hours(std::chrono::hours begin, std::chrono::hours end) {
  const auto now =
      std::chrono::floor<std::chrono::minutes>(std::chrono::system_clock::now()).time_since_epoch();
  return {.zone = "UTC", .from = (now + begin) % 24h, .to = (now + end) % 24h};
}

/// The queue with these options, also if it is there with others.
peerq::Queue set_queue(peerq::Node& node, const std::string& name, const peerq::QueueOptions& options) {
  auto queue = node.create_queue(name, options);
  if (queue || queue.error().code != peerq::errc::queue_exists) return queue.value();
  node.update_queue(name, options).value();
  return node.open_queue(name).value();
}

struct Asked {
  fs::path thumbnail;
  std::future<peerq::RequestOutcome> outcome;
};

/// Like a web server's threads: each asks for one thumbnail and waits for it.
Asked ask(const peerq::Queue& queue, const fs::path& image, const fs::path& thumbnail) {
  const peerq::RequestOptions options{.message = {.attributes = {{"thumbnail", thumbnail}}}, .timeout = 60s};
  return {thumbnail,
          std::async(std::launch::async, [=] { return queue.request(image.string(), options).value(); })};
}

/// How many were made; what the worker told must be true.
std::size_t count_thumbnails(std::vector<Asked>& all) {
  std::size_t count = 0;
  for (auto& [thumbnail, future] : all) {
    const auto outcome = future.get();
    fmt::print("{}: {}\n", thumbnail.filename().string(), outcome.ok() ? outcome.result : outcome.error);
    if (!outcome.ok()) continue;
    const Image small = read_png(thumbnail);
    if (fmt::format("{}x{}", small.width, small.height) != outcome.result)
      throw std::runtime_error("media: another size was told");
    ++count;
  }
  return count;
}

/// Whether a job waits for the hours of its queue, tells why, and is done when the hours are lifted.
bool show_waiting(peerq::Node& node, const peerq::Queue& nightly, const peerq::MessageId& job) {
  const auto why = nightly.explain(job).value();
  fmt::print("the nightly job: {}\n", to_string(why));
  set_queue(node, nightly.name(), {.dead_letter_queue = "refused"});
  while (nightly.get(job)) std::this_thread::sleep_for(10ms);
  return std::ranges::any_of(why.holds,
                             [](const auto& hold) { return hold.kind == peerq::HoldKind::window_closed; });
}

int run(const std::string& directory, const fs::path& folder) {
  const auto images = find_images(folder);
  if (images.empty()) throw std::runtime_error("media: no PNG files below " + folder.string());
  const fs::path target = directory + ".thumbnails";
  fs::create_directories(target);
  const fs::path broken = target / "broken";
  fs::copy_file(images.front(), broken, fs::copy_options::overwrite_existing);
  fs::resize_file(broken, 50);

  auto node = peerq::Node::open({.data_dir = directory}).value();
  auto now = set_queue(node, "now", {.dead_letter_queue = "refused", .windows = {hours(-1h, 1h)}});
  auto nightly = set_queue(node, "nightly", {.dead_letter_queue = "refused", .windows = {hours(2h, 3h)}});
  peerq::Consumer worker(now, {.concurrency = 2}, make_thumbnail);
  peerq::Consumer night_worker(nightly, make_thumbnail);

  const auto job =
      nightly.send(images.front().string(), {.attributes = {{"thumbnail", target / "nightly.png"}}}).value();
  std::vector<Asked> asked;
  for (const auto& image : images)
    asked.push_back(
        ask(now, image, target / fmt::format("{} {}", asked.size() + 1, image.filename().string())));
  const std::size_t written = count_thumbnails(asked);
  const auto refused = ask(now, broken, target / "never.png").outcome.get();
  fmt::print("a broken file: {}\n", refused.error);
  const bool waited = show_waiting(node, nightly, job.id);

  node.open_queue("refused").value().purge().value();
  node.close().value();
  fmt::print("{} thumbnails written, {} broken file refused, {} job waited for its hours\n", written,
             refused.ok() ? 0 : 1, waited ? 1 : 0);
  return written > 0 && refused.cause == peerq::FailureCause::rejected && waited ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc > 1 ? argv[1] : "media.peerq", argc > 2 ? argv[2] : "/usr/share");
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}

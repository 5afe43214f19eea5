#pragma once
// What is made of many measurements: medians, percentiles, and the rounds in which value and floor take
// turns.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace peerq::bench {

using Clock = std::chrono::steady_clock;

/// Seconds since `begin`.
inline double seconds_since(Clock::time_point begin) noexcept {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

/// The middle one; 0 of none.
double median(std::vector<double> values);

/// Without what is smaller than one part of `parts`, but for the error of the arithmetic.
double cut(double value, double parts) noexcept;

/// How long each of many operations took.
class Latencies {
 public:
  explicit Latencies(std::size_t expected) { nanoseconds_.reserve(expected); }

  void add(Clock::duration took) {
    nanoseconds_.push_back(std::chrono::duration_cast<std::chrono::nanoseconds>(took).count());
  }
  void add_all(const Latencies& others);
  std::size_t count() const noexcept { return nanoseconds_.size(); }

  /// In microseconds; `hundredths` is 0 to 100.
  double percentile_us(int hundredths);

 private:
  std::vector<std::int64_t> nanoseconds_;
};

/// What is compared: more is better, or less is.
enum class Kind : std::uint8_t { rate, latency };

/// The rounds of one case. The ratio is the median of the rounds' own ratios, so that a disturbance that hits
/// one round does not decide.
class Rounds {
 public:
  explicit Rounds(Kind kind) noexcept : kind_(kind) {}

  void add(double value, double floor) {
    values_.push_back(value);
    floors_.push_back(floor);
  }
  void add_percentiles(Latencies& latencies) {
    p50_us_.push_back(latencies.percentile_us(50));
    p99_us_.push_back(latencies.percentile_us(99));
  }

  std::size_t count() const noexcept { return values_.size(); }
  double value() const { return median(values_); }
  double floor() const { return median(floors_); }
  double p50_us() const { return median(p50_us_); }
  double p99_us() const { return median(p99_us_); }
  bool has_percentiles() const noexcept { return !p50_us_.empty(); }
  /// Higher is better: value / floor of rates, floor / value of latencies.
  double ratio() const;

 private:
  Kind kind_;
  std::vector<double> values_;
  std::vector<double> floors_;
  std::vector<double> p50_us_;
  std::vector<double> p99_us_;
};

}  // namespace peerq::bench

#include "statistics.hpp"

#include <algorithm>
#include <cmath>

namespace peerq::bench {

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

double cut(double value, double parts) noexcept { return std::floor(value * parts + 1e-6) / parts; }

void Latencies::add_all(const Latencies& others) {
  nanoseconds_.insert(nanoseconds_.end(), others.nanoseconds_.begin(), others.nanoseconds_.end());
}

double Latencies::percentile_us(int hundredths) {
  if (nanoseconds_.empty()) return 0;
  const std::size_t at = (nanoseconds_.size() - 1) * static_cast<std::size_t>(hundredths) / 100;
  std::nth_element(nanoseconds_.begin(), nanoseconds_.begin() + static_cast<std::ptrdiff_t>(at),
                   nanoseconds_.end());
  return static_cast<double>(nanoseconds_[at]) / 1000;
}

double Rounds::ratio() const {
  std::vector<double> ratios;
  ratios.reserve(values_.size());
  for (std::size_t i = 0; i < values_.size(); ++i) {
    ratios.push_back(kind_ == Kind::rate ? values_[i] / floors_[i] : floors_[i] / values_[i]);
  }
  return median(std::move(ratios));
}

}  // namespace peerq::bench

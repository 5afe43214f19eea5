// An outbox of e-mails, delivered with libcurl to a real SMTP server (server.py): a group and a rate for each
// domain, so that a slow one holds up no other; message ids that make a send repeatable; retries for what the
// server puts off, dead letters for what it refuses. Usage: example_email [DATA_DIRECTORY]

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <memory>
#include <peerq/peerq.hpp>
#include <thread>

namespace {

using namespace std::chrono_literals;

/// server.py, as a child process.
class MailServer {
 public:
  MailServer() : output_(::popen("exec '" EMAIL_SERVER "'", "r")) {
    if (output_ == nullptr || std::fscanf(output_, "%d %d", &port_, &process_) != 2)
      throw std::runtime_error("email: the SMTP server did not start: " EMAIL_SERVER);
  }
  ~MailServer() { stop(); }
  MailServer(const MailServer&) = delete;
  MailServer& operator=(const MailServer&) = delete;

  std::string url() const { return fmt::format("smtp://127.0.0.1:{}", port_); }

  /// Ends it; "RECIPIENT MESSAGE-ID" of each mail that it has taken, in order.
  std::vector<std::string> stop() {
    std::vector<std::string> taken;
    if (output_ == nullptr) return taken;
    ::kill(process_, SIGTERM);
    char recipient[100], message_id[100];
    while (std::fscanf(output_, "%99s %99s", recipient, message_id) == 2)
      taken.push_back(fmt::format("{} {}", recipient, message_id));
    ::pclose(output_);
    output_ = nullptr;
    return taken;
  }

 private:
  std::FILE* output_;
  int port_ = 0;
  pid_t process_ = 0;
};

/// Called with each line from the server.
size_t keep_refusal(char* bytes, size_t, size_t size, void* refusal) {
  const std::string_view line(bytes, size);
  if (line.starts_with('4') || line.starts_with('5'))
    *static_cast<std::string*>(refusal) = line.substr(0, line.find_first_of("\r\n"));
  return size;
}

size_t read_mail(char* buffer, size_t, size_t size, void* rest) {
  auto& mail = *static_cast<std::string_view*>(rest);
  const size_t count = mail.copy(buffer, size);
  mail.remove_prefix(count);
  return count;
}

/// Empty if the server took the mail, else its answer, e.g. "550 5.7.1 no mail from this sender".
std::string deliver(const std::string& url, const std::string& recipient, std::string_view mail) {
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(curl_easy_init(), curl_easy_cleanup);
  const std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> recipients(
      curl_slist_append(nullptr, recipient.c_str()), curl_slist_free_all);
  std::string refusal;
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_PROXY, "");
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);  // threads
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT, 20L);  // less than the lease
  curl_easy_setopt(curl.get(), CURLOPT_MAIL_FROM, "shop@shop.example");
  curl_easy_setopt(curl.get(), CURLOPT_MAIL_RCPT, recipients.get());
  curl_easy_setopt(curl.get(), CURLOPT_HEADERFUNCTION, &keep_refusal);
  curl_easy_setopt(curl.get(), CURLOPT_HEADERDATA, &refusal);
  curl_easy_setopt(curl.get(), CURLOPT_READFUNCTION, &read_mail);
  curl_easy_setopt(curl.get(), CURLOPT_READDATA, &mail);
  curl_easy_setopt(curl.get(), CURLOPT_UPLOAD, 1L);
  const CURLcode code = curl_easy_perform(curl.get());
  if (code == CURLE_OK) return {};
  return refusal.empty() ? curl_easy_strerror(code) : refusal;
}

struct Mail {
  std::string recipient, message_id;
};

/// 22 mails to five domains. The ids are new in each run, as those of a shop's new mails would be.
std::vector<Mail> write_mails() {
  const auto run = std::chrono::system_clock::now().time_since_epoch() / 1us;
  std::vector<Mail> mails;
  for (const auto& [domain, count] : {std::pair{"big.example", 12},
                                      {"small.example", 3},
                                      {"other.example", 3},
                                      {"busy.example", 2},
                                      {"refused.example", 2}}) {
    for (int i = 1; i <= count; ++i) {
      mails.push_back({fmt::format("customer{}@{}", i, domain),
                       fmt::format("<{}.{}@shop.example>", run, mails.size() + 1)});
    }
  }
  return mails;
}

peerq::Sent send(const peerq::Queue& outbox, const Mail& mail) {
  const std::string body =
      fmt::format("From: shop@shop.example\r\nTo: {}\r\nMessage-ID: {}\r\n\r\nYour order is on its way.\r\n",
                  mail.recipient, mail.message_id);
  const peerq::SendOptions options{.attributes = {{"recipient", mail.recipient}},
                                   .group_id = mail.recipient.substr(mail.recipient.find('@') + 1),
                                   .deduplication_id = mail.message_id};
  return outbox.send(body, options).value();
}

/// Returns when nothing is left; tells on the way why the last mails wait.
void wait_for_delivery(const peerq::Queue& outbox, const peerq::Consumer& worker) {
  for (bool told = false;; std::this_thread::sleep_for(20ms)) {
    worker.status().value();
    const auto now = outbox.statistics().value();
    if (now.ready + now.delayed + now.in_flight == 0) return;
    if (told || now.held == 0 || now.held < now.ready + now.delayed + now.in_flight) continue;
    const auto waiting = outbox.list({.max_messages = 1}).value().messages;
    if (waiting.empty()) continue;
    const auto why = outbox.explain(waiting.front().id);  // fails if it was delivered just now
    if (why) fmt::print("{} mails wait, the first: {}\n", now.held, to_string(*why));
    told = why.has_value();
  }
}

/// Shows and removes what was refused; returns the reasons.
std::vector<std::string> take_dead_letters(const peerq::Queue& dead) {
  std::vector<std::string> reasons;
  for (const auto& mail : dead.receive({.max_messages = 100}).value()) {
    fmt::print("dead letter to {}: {}\n", mail.attributes().at("recipient"), mail.failure().last_error);
    reasons.push_back(mail.failure().last_error);
    mail.erase().value();
  }
  return reasons;
}

/// Each mail that can be delivered was, once; and the big domain's slowness was its own only.
bool is_right(const std::vector<std::string>& taken, const std::vector<Mail>& mails) {
  return std::ranges::all_of(mails,
                             [&](const Mail& mail) {
                               const bool refused = mail.recipient.ends_with("@refused.example");
                               return std::ranges::count(taken, mail.recipient + " " + mail.message_id) ==
                                      (refused ? 0 : 1);
                             }) &&
         taken.back().find("@big.example ") != std::string::npos;
}

int run(const std::string& directory) {
  MailServer server;
  auto node = peerq::Node::open({.data_dir = directory}).value();
  auto outbox = node.create_queue("outbox", {.visibility_timeout = 30s,
                                             .max_receives = 5,
                                             .dead_letter_queue = "outbox.dead",
                                             .retry = {.base = 100ms, .cap = 1min},
                                             .group_rate = {.per_second_thousandths = 5'000, .burst = 2}})
                    .value();
  const auto mails = write_mails();
  for (const auto& mail : mails) send(outbox, mail);
  // A shop that does not know whether its send succeeded does it again.
  const bool skipped = send(outbox, mails.front()).deduplicated;

  peerq::Consumer worker(outbox, {.concurrency = 4}, [&](const peerq::Delivery& mail) -> peerq::Outcome {
    const std::string recipient = mail.attributes().at("recipient");
    const std::string refusal = deliver(server.url(), recipient, mail.body());
    if (refusal.empty()) return peerq::done;
    fmt::print("{}: {}\n", recipient, refusal);
    return refusal.starts_with('5') ? peerq::reject(refusal) : peerq::retry(refusal);
  });
  wait_for_delivery(outbox, worker);
  worker.stop();

  const auto taken = server.stop();
  const auto reasons = take_dead_letters(node.open_queue("outbox.dead").value());
  node.close().value();
  fmt::print("{} mails delivered, {} duplicate skipped, {} dead-lettered: {}\n", taken.size(),
             skipped ? 1 : 0, reasons.size(), reasons.empty() ? "" : reasons.front());
  return is_right(taken, mails) && skipped && reasons.size() >= 2 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    curl_global_init(CURL_GLOBAL_DEFAULT);
    return run(argc > 1 ? argv[1] : "email.peerq");
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}

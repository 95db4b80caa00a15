// A log that is read again: what is new and no more, where that is certain; and never less than a whole
// reading would tell.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "bmc/mock_service_for_test.h"

namespace kiln {
namespace {

using namespace std::chrono_literals;

constexpr const char* kEntries = "/redfish/v1/Systems/S/LogServices/SEL/Entries";

/// A service with one log, which tells its entries as the test wants it.
class LogService : public Desk, public testing::Test {
 protected:
  LogService() {
    const auto list = [](const std::string& uri) {
      return fmt::format(R"({{"Members":[{{"@odata.id":"{}"}}],"Members@odata.count":1}})", uri);
    };
    service.bodies["/redfish/v1"] = R"({"Id":"R","Systems":{"@odata.id":"/redfish/v1/Systems"}})";
    service.bodies["/redfish/v1/Systems"] = list("/redfish/v1/Systems/S");
    service.bodies["/redfish/v1/Systems/S"] =
        R"({"Id":"S","LogServices":{"@odata.id":"/redfish/v1/Systems/S/LogServices"}})";
    service.bodies["/redfish/v1/Systems/S/LogServices"] = list("/redfish/v1/Systems/S/LogServices/SEL");
    service.bodies["/redfish/v1/Systems/S/LogServices/SEL"] =
        fmt::format(R"({{"Id":"SEL","Entries":{{"@odata.id":"{}"}}}})", kEntries);
    service.handler = [this](const HttpRequest& request, const std::string& path) {
      return answer(request, path);
    };
    bmc = service.bmc();
    write(1, 60);
  }
  static std::string body_of(int id, int generation) {
    return fmt::format(
        R"({{"@odata.id":"{0}/{1}","@odata.type":"#LogEntry.v1_15_0.LogEntry","Id":"{1}","Created":"2026-01-0{2}T00:{3:02}:{4:02}Z","Severity":"OK","Message":"m {1}"}})",
        kEntries, id, generation, id / 60 % 60, id % 60);
  }
  void write(int first, int last) {
    for (int id = first; id <= last; ++id) ids.push_back(id);
  }
  [[nodiscard]] int size() const { return static_cast<int>(ids.size()); }

  std::optional<HttpResponse> answer(const HttpRequest& request, const std::string& path) {
    if (path.rfind(kEntries, 0) != 0) return std::nullopt;
    if (request.method != "GET") return reply(405);
    const std::string rest = path.substr(std::string(kEntries).size());
    if (!rest.empty() && rest.front() == '/') {
      const int id = std::stoi(rest.substr(1));
      if (std::find(ids.begin(), ids.end(), id) == ids.end()) return reply(404);
      ++entries_sent;
      return reply(200, body_of(id, generation));
    }
    std::vector<int> order = ids;
    if (newest_first) std::reverse(order.begin(), order.end());
    std::size_t first = 0;
    if (const auto at = request.url.find("$skip="); at != std::string::npos) {
      if (refuses_skip) return reply(501, R"({"error":{"code":"Base.1.8.QueryNotSupported"}})");
      if (!passes_skip_over) first = std::stoul(request.url.substr(at + 6));
    }
    std::string members;
    std::size_t shown = 0;
    for (std::size_t i = first; i < order.size() && shown < page; ++i, ++shown) {
      members += members.empty() ? "" : ",";
      members += linked ? fmt::format(R"({{"@odata.id":"{}/{}"}})", kEntries, order[i])
                        : body_of(order[i], generation);
      if (!linked) ++entries_sent;
    }
    std::string next;
    if (first + shown < order.size())
      next = fmt::format(R"(,"Members@odata.nextLink":"{}?$skip={}")", kEntries, first + shown);
    return reply(
        200, fmt::format(R"({{"Members":[{}],"Members@odata.count":{}{}}})", members, order.size(), next));
  }
  /// The ids that one look tells, sorted; and how many entries the BMC has sent for it.
  std::vector<int> look() {
    entries_sent = 0;
    const auto logs =
        ask<Result<std::vector<EventLog>>>([&](const Ctx& ctx) { return bmc->event_logs_again(ctx); });
    std::vector<int> told;
    EXPECT_TRUE(logs) << logs.error().full();
    if (!logs || logs->size() != 1) return told;
    EXPECT_EQ(logs->front().unread, "");
    EXPECT_EQ(logs->front().listed, ids.size());
    for (const LogEntry& entry : logs->front().entries) {
      told.push_back(std::stoi(entry.id));
      EXPECT_EQ(entry.created.substr(8, 2), fmt::format("0{}", generation)) << entry.id;
    }
    std::sort(told.begin(), told.end());
    return told;
  }
  std::vector<int> sorted() const {
    std::vector<int> all = ids;
    std::sort(all.begin(), all.end());
    return all;
  }

  MockService service;
  std::unique_ptr<Bmc> bmc;
  std::vector<int> ids;  ///< oldest first
  int generation = 1, entries_sent = 0;
  bool newest_first = false, linked = false, refuses_skip = false, passes_skip_over = false;
  std::size_t page = 1'000;
};

TEST_F(LogService, OldestFirstIsReadFromItsLastKnownEntryOn) {
  EXPECT_EQ(look(), sorted());
  EXPECT_EQ(look(), sorted());
  EXPECT_EQ(entries_sent, 1) << "the last one, which says that nothing has changed";
  write(61, 63);
  EXPECT_EQ(look(), sorted());
  EXPECT_EQ(entries_sent, 4);
  page = 2;
  write(64, 68);
  EXPECT_EQ(look(), sorted()) << "over several pages";
  EXPECT_EQ(entries_sent, 6);
}

TEST_F(LogService, NewestFirstIsReadFromItsFirstPage) {
  newest_first = true;
  page = 10;
  EXPECT_EQ(look(), sorted());
  EXPECT_EQ(look(), sorted());
  EXPECT_EQ(entries_sent, 10);
  write(61, 75);
  EXPECT_EQ(look(), sorted());
  EXPECT_EQ(entries_sent, 20);
}

TEST_F(LogService, LinksAreReadThatWereNotThere) {
  linked = true;
  EXPECT_EQ(look(), sorted());
  EXPECT_EQ(entries_sent, 60);
  write(61, 63);
  EXPECT_EQ(look(), sorted());
  EXPECT_EQ(entries_sent, 4) << "the new ones, and the newest known";
  newest_first = true;
  EXPECT_EQ(look(), sorted());
  write(64, 65);
  EXPECT_EQ(look(), sorted());
  EXPECT_EQ(entries_sent, 3);
}

/// In each of the ways in which a log may be told.
class ChangedLog : public LogService {
 protected:
  void in_every_way(const std::function<void()>& change) {
    for (const bool by_links : {false, true}) {
      for (const bool newest : {false, true}) {
        SCOPED_TRACE(fmt::format("linked {} newest first {}", by_links, newest));
        linked = by_links;
        newest_first = newest;
        generation = 1;
        ids.clear();
        write(1, 60);
        bmc = service.bmc();
        EXPECT_EQ(look(), sorted());
        change();
        EXPECT_EQ(look(), sorted());
        EXPECT_EQ(look(), sorted());
      }
    }
  }
};

TEST_F(ChangedLog, ClearedAndEmpty) {
  in_every_way([this] { ids.clear(); });
}

TEST_F(ChangedLog, ClearedAndRenumberedToAsManyEntries) {
  in_every_way([this] { generation = 2; });
}

TEST_F(ChangedLog, ClearedAndRenumberedToMoreEntries) {
  in_every_way([this] {
    generation = 2;
    write(61, 70);
  });
}

TEST_F(ChangedLog, ClearedAndRenumberedToFewerEntries) {
  in_every_way([this] {
    generation = 2;
    ids.resize(7);
  });
}

TEST_F(ChangedLog, PartlyCleared) {
  in_every_way([this] { ids.erase(ids.begin(), ids.begin() + 30); });
  in_every_way([this] { ids.erase(ids.begin() + 30, ids.end()); });
}

TEST_F(ChangedLog, FullAndRunOver) {
  in_every_way([this] {
    ids.erase(ids.begin(), ids.begin() + 5);
    write(61, 65);
  });
}

TEST_F(ChangedLog, OneTakenOutAndOneWritten) {
  in_every_way([this] {
    ids.erase(ids.begin() + 58);
    write(61, 61);
  });
}

TEST_F(LogService, WhoRefusesToSkipIsReadWholeAndNotAskedAgain) {
  refuses_skip = true;
  EXPECT_EQ(look(), sorted());
  EXPECT_EQ(look(), sorted());
  EXPECT_EQ(look(), sorted());
  write(61, 61);
  EXPECT_EQ(look(), sorted());
  EXPECT_EQ(service.count(fmt::format("GET {}?$skip=59", kEntries)), 1);
}

TEST_F(LogService, WhoPassesSkipOverIsReadWholeAndNotAskedAgain) {
  passes_skip_over = true;
  for (int i = 0; i < 3; ++i) EXPECT_EQ(look(), sorted());
  write(61, 61);
  EXPECT_EQ(look(), sorted());
  EXPECT_EQ(service.count(fmt::format("GET {}?$skip=59", kEntries)), 1);
}

TEST_F(LogService, OfManyLinksTheHighestNumbersAreKept) {
  linked = true;
  write(61, 300);
  EXPECT_EQ(look().size(), 200U);
  write(301, 310);
  const std::vector<int> told = look();
  ASSERT_EQ(told.size(), 200U);
  EXPECT_EQ(told.front(), 111);
  EXPECT_EQ(told.back(), 310);
  EXPECT_EQ(entries_sent, 11);
}

}  // namespace
}  // namespace kiln

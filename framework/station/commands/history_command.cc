// kiln history: where a serial number was in all runs on record, or what was at a place. Reads only.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "quality/lineage_page.h"
#include "station/commands/commands.h"
#include "station/commands/record_questions.h"
#include "station/many_records.h"

namespace kiln {

int history_command(const CommandLine& line, const Paths& paths) {
  const std::string format = question_format(line);
  const std::vector<std::string> databases = asked_databases(line, paths);
  const ManyRecords records = open_records(databases);
  if (records.views.empty())
    return refuse_question(
        line, Error("history.not_read", fmt::format("{}", fmt::join(records.unreadable, "; ")), "",
                    Blame::station));
  LineageReader reader;
  std::vector<RunLeftOut> left_out;
  for (const auto& [id, copies] : records.runs) {
    std::string why;
    const RunCopy* copy = good_copy(copies, why);
    if (copy != nullptr) {
      reader.begin_run(id, copy->run.begun.utc_ns);
      const Status read = read_copy(*copy, [&reader](const Event& event) { reader.add(event); });
      if (read) reader.end_run();
      if (!read) why = read.error().message;
    }
    if (!why.empty()) left_out.push_back({id, std::move(why)});
  }
  const Result<LineageAnswer> answer = reader.ask(line.asked);
  if (!answer) return refuse_question(line, answer.error());
  const QualityPage page = make_lineage_page(*answer, left_out);
  std::string text;
  if (format == "json") text = lineage_json(*answer, left_out);
  if (format == "text") text = screen_text(page);
  if (format == "html") text = render_html(page, page.loud.empty() ? "Kiln history" : page.loud.front());
  return answer_question(line, databases, text, records.unreadable);
}

}  // namespace kiln

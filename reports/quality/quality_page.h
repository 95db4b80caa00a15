#pragma once
// What was made of several runs in words, once for all formats that people read: sections of sentences and
// tables. What stands in a cell is as it was recorded; who renders it escapes it. Pure.

#include <string>
#include <vector>

#include "quality/quality_report.h"

namespace kiln {

struct QualitySection {
  std::string title;
  std::vector<std::string> sentences;
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;
  std::vector<std::string> below;                ///< sentences after the table
  const std::vector<ParetoRow>* bars = nullptr;  ///< drawn where drawing is possible
  const CheckReport* chart = nullptr;            ///< the same
};

struct QualityPage {
  std::string title;
  std::vector<std::string> loud;  ///< must not be missed: simulated racks, unreadable databases
  std::vector<std::string> about;
  std::vector<QualitySection> sections;
};

/// For a terminal, a mail or a ticket.
std::string render_text(const QualityPage& page);
/// One file, no script, nothing loaded. `foot` stands at the foot of every printed sheet; ASCII.
std::string render_html(const QualityPage& page, const std::string& foot);

/// Refers to the report, which must outlive it.
QualityPage make_quality_page(const QualityReport& report);

/// "96.2 %", and "no unit" where there is none.
std::string percent_text(const std::optional<double>& share);
/// Four significant digits; never nan or inf: "no number" then.
std::string figure_text(double value);

std::string quality_text(const QualityReport& report);
/// Fits quality.schema.json.
std::string quality_json(const QualityReport& report);
/// Long form: one number a line, with its interval, its n, or why it is missing (RFC 4180).
std::string quality_csv(const QualityReport& report);
/// One file, no script, nothing loaded.
std::string quality_html(const QualityReport& report);

}  // namespace kiln

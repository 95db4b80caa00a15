#pragma once
// What the guided tests of a rack's coolant plant share: who is in the loop, that nothing in it is on, and
// the person who works at the CDU. Loop thread; nothing is owned.

#include <optional>
#include <string>
#include <vector>

#include "sdk/step.h"

namespace kiln::cooling {

/// The CDU's connections to the rack: all of them but the facility's side.
std::vector<std::string> secondary_connections(const Dut& dut);

/// The dew point in Cel of air of that temperature (Cel) and relative humidity (%, above 0), by the Magnus
/// formula with the coefficients of Sonntag (1990) for water between -45 and 60 Cel.
double dew_point_of(double air_temperature, double humidity);

/// An Error "cooling.loop_in_use" when a tray that is in the loop is not off, or does not say: pumps are only
/// stopped under what makes no heat. Errors of the exchange.
boost::asio::awaitable<Status> loop_is_unused(StepContext& context);

/// What the person did about one question.
struct Handiwork {
  bool done = false;
  std::string by;   ///< who; empty: nobody
  std::string why;  ///< it was not done
};
/// Asks, and waits as long as the step's `patience`. An Error: the work cannot go on.
boost::asio::awaitable<Result<Handiwork>> ask_for(StepContext& context, std::string id, std::string text);

}  // namespace kiln::cooling

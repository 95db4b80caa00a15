#pragma once
// Posts an event to a receiver that has subscribed (DSP0266 12.1): HTTP or HTTPS, a few attempts, then it is
// given up. Certificates of receivers are not verified, as the subscription says. Thread: the loop it is
// given.

#include <functional>
#include <string>

namespace boost::asio {
class io_context;
}

namespace kiln::virtual_rack {

/// `given_up` is called on the loop, never before this returns.
void deliver_event(boost::asio::io_context& loop, std::string destination, std::string body,
                   std::function<void()> given_up);

}  // namespace kiln::virtual_rack

#pragma once
// What curl says of a failed transfer, as an Error. Internal to io/; any thread.

#include <curl/curl.h>

#include <cstddef>
#include <string>

#include "base/error.h"
#include "io/curl_received.h"
#include "io/http.h"

namespace kiln::detail {

/// For messages: a URL without user information, whoever put it there.
std::string printable(const std::string& url);

/// `detail`: curl's own text, may be empty. Codes: those of HttpClient.
Error transfer_error(CURLcode code, const Received& received, const HttpOptions& options,
                     const HttpRequest& request, CURL* easy, const std::string& detail, std::size_t max_body,
                     Nanoseconds timeout);

}  // namespace kiln::detail

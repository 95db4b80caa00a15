#pragma once
// Which build this is: version, a hash over every header that a plugin can see, and the build type. A plugin
// or warden with another stamp was built against other classes and is refused. Each program and each plugin
// has its own (it is not exported), or there would be nothing to compare.

namespace kiln {

extern const char kBuildStamp[] __attribute__((visibility("hidden")));

}  // namespace kiln

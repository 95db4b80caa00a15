#include "safety/guard.h"

#include "model/enum_words.h"
#include "safety/guard_words.h"

namespace kiln {

std::string_view to_string(UndoKind kind) { return word_of(kUndoKindWords, kind); }
std::string_view to_string(GuardEnd end) { return word_of(kGuardEndWords, end); }

}  // namespace kiln

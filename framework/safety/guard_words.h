#pragma once
// The words of the guard journal's enumerations, in the file and on screens. Private to safety/.

#include "model/enum_words.h"
#include "safety/guard.h"

namespace kiln {

inline constexpr std::array<EnumWord<UndoKind>, 4> kUndoKindWords{
    {{UndoKind::force_off, "force_off"},
     {UndoKind::shell_command, "shell_command"},
     {UndoKind::firmware_write, "firmware_write"},
     {UndoKind::interlock, "interlock"}}};
inline constexpr std::array<EnumWord<GuardEnd>, 5> kGuardEndWords{{{GuardEnd::open, "open"},
                                                                   {GuardEnd::undone, "undone"},
                                                                   {GuardEnd::not_needed, "not_needed"},
                                                                   {GuardEnd::failed, "failed"},
                                                                   {GuardEnd::given_up, "given_up"}}};

}  // namespace kiln

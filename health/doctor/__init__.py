"""What stands in the way: a machine and a deployment looked at from outside, also where nothing runs.

`landfall status` asks whether events flow; the doctor asks whether they could. One file an idea; a check is a
`DoctorCheck` at the end of its file. What a check needs beside the foundation it imports when it is made: it works with
a package missing, and a missing package is then what it says.
"""

from health.doctor import (
    clocks,
    kafka_reach,
    kafka_retention,
    kafka_topics,
    machine,
    postgres_reach,
    postgres_server,
    rights,
    set_up,
    state,
)

CHECKS = {
    check.name: check
    for module in (
        machine,
        set_up,
        state,
        kafka_reach,
        postgres_reach,
        postgres_server,
        rights,
        kafka_topics,
        kafka_retention,
        clocks,
    )
    for check in module.CHECKS
}
"""By name, in the order of the screen."""

-- A record is landed, quarantined or a hole; a landed one is the winner of its key, rejected, or a duplicate. Nothing else.
select
    stream,
    load_id,
    unexplained_offsets,
    unexplained_rows
from {{ ref('reconciliation') }}
where unexplained_offsets <> 0 or unexplained_rows <> 0

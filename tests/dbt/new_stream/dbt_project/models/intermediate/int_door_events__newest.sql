{{ config(incremental_strategy='keep_greatest', unique_key=['topic_id']) }}

select
    topic_id,
    max(event_at) as newest_event_at,
    max(load_id) as newest_load_id
from {{ ref('int_door_events') }}
where {{ new_loads('door_openings') }} and not is_from_future
group by 1

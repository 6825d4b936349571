{{ config(incremental_strategy='insert_new', indexes=[{'columns': ['changed_load_id']}]) }}

with events as (
    select * from {{ ref('stg_door_openings__events') }}
    where {{ new_landings('door_openings') }} and rejected_reason is null
),

first_landed as (
    select distinct on (event_key) *
    from events
    order by event_key, load_id, topic_id, kafka_partition, kafka_offset
)

select
    event_key,
    shop,
    visitors,
    event_at,
    kafka_timestamp,
    landed_at,
    {{ is_from_future() }} as is_from_future,
    bad_casts,
    load_id,
    topic_id,
    kafka_partition,
    kafka_offset,
    load_id as changed_load_id
from first_landed

{{ config(materialized='view') }}

with newest as (
    select * from {{ ref('int_web_requests__newest') }}
),

final as (
    select min(newest_event_at) as newest_event_at
    from newest
    -- of the topic that landed last: the partitions of a topic that was deleted and made again would be slowest for ever
    where topic_id = (
        select last_landed.topic_id from newest as last_landed
        order by last_landed.newest_load_id desc, last_landed.topic_id asc
        limit 1
    )
)

select * from final

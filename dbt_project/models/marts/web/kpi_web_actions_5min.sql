with windows as (
    select * from {{ ref('int_web_actions__5min') }}
),

slowest_partition as (
    -- of the topic that landed last: the partitions of a topic that was deleted and made again would be slowest for ever
    select min(newest_event_at) as newest_event_at
    from {{ ref('int_web_requests__newest') }}
    where topic_id = (
        select newest.topic_id from {{ ref('int_web_requests__newest') }} as newest
        order by newest.newest_load_id desc, newest.topic_id asc
        limit 1
    )
),

final as (
    select
        windows.window_start,
        windows.action,
        windows.action_count,
        windows.action_count::numeric / sum(windows.action_count) over (partition by windows.window_start) as action_ratio,
        coalesce(
            windows.window_start + interval '5 minutes' + interval '{{ var("allowed_lateness") }}'
            < slowest_partition.newest_event_at,
            false
        ) as is_complete
    from windows
    cross join slowest_partition
)

select * from final

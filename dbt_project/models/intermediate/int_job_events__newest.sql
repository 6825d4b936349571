{{ config(incremental_strategy='keep_greatest', unique_key=['topic_id']) }}

with new_events as (
    select * from {{ ref('int_job_events') }}
    where {{ new_loads('job_tracking') }} and not is_from_future
),

final as (
    select
        topic_id,
        max(event_at) as newest_event_at,
        max(load_id) as newest_load_id
    from new_events
    group by 1
)

select * from final

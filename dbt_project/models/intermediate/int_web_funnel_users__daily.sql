{{ config(
    tags=['cold'],
    incremental_strategy='rebuild_buckets',
    unique_key=['event_date', 'user_key'],
    meta={'event_day': 'event_date'},
) }}

with touched_requests as (
    {{ touched_requests() }}
),

touched as (
    select distinct
        {{ reporting_day('event_at') }} as event_date,
        user_key
    from touched_requests
    where user_key is not null
),

readable_requests as (
    select * from {{ ref('fct_web_requests') }}
    where {{ readable_loads('web_logs') }}
),

steps as (
    select * from {{ ref('web_funnel_steps') }}
),

-- inner with the requests: see int_web_actions__5min
reached as (
    select
        touched.event_date,
        touched.user_key,
        max(steps.step_order) as furthest_step,
        max(steps.step_order) filter (where not readable_requests.is_bot) as furthest_human_step
    from touched
    inner join readable_requests
        on
            touched.user_key = readable_requests.user_key
            and {{ is_of_days('readable_requests.event_at', 'touched.event_date', 'touched.event_date') }}
    left join steps
        on
            readable_requests.action_kind = steps.action_kind
            and (steps.status_class is null or readable_requests.status_class = steps.status_class)
    group by 1, 2
),

of_changed_users as (
    select
        days.event_date,
        days.user_key,
        null::integer as furthest_step,
        null::integer as furthest_human_step
    from {{ this }} as days
    where days.user_key in ({{ changed_keys('web_logs', 'user') }})
),

final as (
    select * from reached
    union all
    select * from of_changed_users
)

select * from final

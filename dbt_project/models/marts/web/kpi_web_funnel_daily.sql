with users as (
    select * from {{ ref('int_web_funnel_users__daily') }}
),

steps as (
    select distinct
        step_order,
        step
    from {{ ref('web_funnel_steps') }}
),

furthest as (
    select
        event_date,
        furthest_step,
        furthest_human_step,
        count(*) as users
    from users
    group by 1, 2, 3
),

reached as (
    select
        furthest.event_date,
        steps.step_order,
        steps.step,
        coalesce(sum(furthest.users) filter (where furthest.furthest_step >= steps.step_order), 0) as users,
        coalesce(sum(furthest.users) filter (where furthest.furthest_human_step >= steps.step_order), 0) as human_users
    from furthest
    cross join steps
    group by 1, 2, 3
),

final as (
    select
        event_date,
        step_order,
        step,
        users::bigint as users,
        users / nullif(coalesce(lag(users) over of_day, users), 0) as step_conversion,
        users / nullif(first_value(users) over of_day, 0) as total_conversion,
        human_users::bigint as human_users,
        human_users / nullif(coalesce(lag(human_users) over of_day, human_users), 0) as human_step_conversion,
        human_users / nullif(first_value(human_users) over of_day, 0) as human_total_conversion
    from reached
    window of_day as (partition by event_date order by step_order)
)

select * from final

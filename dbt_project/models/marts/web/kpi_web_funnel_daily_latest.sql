with daily as (
    select * from {{ ref('kpi_web_funnel_daily') }}
    where event_date = {{ latest_day(ref('int_web_funnel_users__daily'), ref('int_web_requests__newest')) }}
),

final as (
    select
        event_date,
        step_order,
        step,
        users,
        step_conversion,
        total_conversion,
        human_users,
        human_step_conversion,
        human_total_conversion
    from daily
)

select * from final

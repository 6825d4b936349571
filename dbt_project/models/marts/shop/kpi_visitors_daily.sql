with daily as (
    select * from {{ ref('int_audience__daily') }}
    where is_whole_day
),

final as (
    select
        event_date,
        sessions,
        visitors,
        new_visitors,
        returning_visitors,
        orders,
        human_sessions,
        human_visitors,
        human_new_visitors,
        human_returning_visitors,
        human_orders
    from daily
)

select * from final

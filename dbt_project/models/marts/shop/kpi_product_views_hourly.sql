with hourly as (
    select * from {{ ref('int_product_views__hourly') }}
    where views > 0
),

final as (
    select
        event_date,
        event_hour,
        product_id,
        views,
        human_views
    from hourly
)

select * from final

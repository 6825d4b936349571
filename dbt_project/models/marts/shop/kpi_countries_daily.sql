with daily as (
    select * from {{ ref('int_country_views__daily') }}
    where views > 0
),

countries as (
    select * from {{ ref('dim_country') }}
),

coded as (
    select
        daily.*,
        countries.country_code
    from daily
    left join countries on daily.country_name = countries.country_name
),

final as (
    select
        event_date,
        country_code,
        country_name,
        views,
        human_views,
        visitors,
        human_visitors,
        row_number() over (partition by event_date order by views desc, country_name collate "C") as rank,
        row_number() over (partition by event_date order by human_views desc, country_name collate "C") as human_rank
    from coded
)

select * from final

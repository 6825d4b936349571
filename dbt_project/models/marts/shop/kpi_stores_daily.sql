with daily as (
    select * from {{ ref('int_store_views__daily') }}
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
        store_id,
        views,
        human_views,
        visitors,
        human_visitors,
        row_number() over (partition by event_date, country_name order by views desc, store_id collate "C") as rank,
        row_number() over (partition by event_date, country_name order by human_views desc, store_id collate "C") as human_rank
    from coded
)

select * from final

{#
    A rank is among all products of a day. It stands in a join of its own, of which Postgres takes the days that are asked for, and which it
    leaves out where nobody asks for a rank: a product is then read by its key. So `daily` must not become a table on the way, and ranks
    are grouped by the key that they are joined by. Days are counted out, as looking for them would read every row, and those that no clock
    shows are looked for.
#}
{%- set first_day = "date '1970-01-01'" -%}
{%- set last_day = "date '2199-12-31'" %}

with daily as not materialized (
    select
        *,
        product_id collate "C" as sort_id
    from {{ ref('int_product_views__daily') }}
    where views > 0
),

ends as (
    select
        least(greatest(min(event_date), {{ first_day }}), {{ last_day }}) as first_day,
        least(greatest(max(event_date), {{ first_day }}), {{ last_day }}) as last_day
    from {{ ref('int_product_views__daily') }}
),

days as (
    select ends.first_day + counted.days_after as event_date
    from ends
    cross join lateral generate_series(0, ends.last_day - ends.first_day) as counted (days_after)
    union all
    select distinct event_date
    from {{ ref('int_product_views__daily') }}
    where event_date < {{ first_day }} or event_date > {{ last_day }}
),

final as (
    select
        days.event_date,
        daily.product_id,
        daily.views,
        daily.human_views,
        daily.visitors,
        daily.human_visitors,
        ranks.rank,
        ranks.human_rank
    from days
    inner join daily on days.event_date = daily.event_date
    left join lateral (
        select
            of_day.event_date,
            of_day.product_key,
            row_number() over (order by min(of_day.views) desc, min(of_day.sort_id)) as rank,
            row_number() over (order by min(of_day.human_views) desc, min(of_day.sort_id)) as human_rank
        from daily as of_day
        where of_day.event_date = days.event_date
        group by 1, 2
    ) as ranks on daily.event_date = ranks.event_date and daily.product_key = ranks.product_key
)

select * from final

with stores as (
    select * from {{ ref('int_store_views__daily') }}
),

final as (
    select
        store_key,
        store_id,
        string_agg(distinct country_name, ', ' order by country_name) as countries
    from stores
    group by 1, 2
)

select * from final

with locations as (
    select * from {{ source('enrichment', 'location') }}
),

final as (
    select
        location_key,
        country_code,
        country_name,
        region,
        city
    from locations
)

select * from final

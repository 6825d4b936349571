with hosts as (
    select * from {{ ref('host_countries') }}
),

countries as (
    select distinct
        country_code,
        country_name
    from hosts
    union all
    -- of hosts that the seed does not have
    select
        null as country_code,
        'Unmapped' as country_name
),

final as (
    select
        {{ text_key('country_name') }} as country_key,
        country_code,
        country_name
    from countries
)

select * from final

with final as (
    select {{ counted_timezone(ref('int_product_devices__5min')) }} as reporting_timezone
)

select * from final
